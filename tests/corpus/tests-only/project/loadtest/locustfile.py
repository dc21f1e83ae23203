from locust import HttpUser, task


class Visitor(HttpUser):
    @task
    def forecast(self):
        self.client.get("/forecast?place=Oslo")
