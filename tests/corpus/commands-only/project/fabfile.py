from fabric import task


@task
def deploy(context):
    context.run("git pull && docker compose up -d --build")
