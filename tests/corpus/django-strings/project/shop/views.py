from rest_framework.decorators import api_view
from rest_framework.response import Response

from shop.models import Item


@api_view()
def items(request):
    return Response(list(Item.objects.values("id", "name")))
