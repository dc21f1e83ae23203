from moto import mock_aws


@mock_aws
def test_rows(monkeypatch):
    monkeypatch.setenv("STAGING", "s3://staging/")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    import handler

    assert handler.app.routes
