import factory
from django.test import TestCase

from shop.models import Item


class ItemFactory(factory.django.DjangoModelFactory):
    name = "nut"

    class Meta:
        model = Item


class ViewsTest(TestCase):
    def test_items(self):
        ItemFactory()
        self.assertEqual(len(self.client.get("/items/").json()), 1)
