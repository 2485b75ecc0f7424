"""What people call a component: all of its name, and not the place it is in."""

import pytest

from agent.model import seam
from agent.model.seam import Component, SeamKey
from agent.model.steps import bare
from agent.web.words import seam_name


@pytest.mark.parametrize(
    ("component", "called"),
    [
        (seam.service("a/api"), "a/api"),
        (seam.service("b/api"), "b/api"),
        (seam.workflow("shop/checkout"), "shop/checkout"),
        (seam.team("shop/web"), "shop/web"),
        (Component("schedule", "0/5 * * * *"), "0/5 * * * *"),
        (seam.route("a/api", "GET", "/orders/{id}"), "a/api GET /orders/{id}"),
        (seam.topic("orders/new", "prod"), "orders/new"),
        (seam.group("billing"), "billing"),
        (seam.table("postgresql", "shop", "orders"), "shop.orders"),
        (seam.table("postgresql", "shop", "orders", "eu"), "eu/shop.orders"),
        (seam.job("airflow", "nightly/close"), "nightly/close"),
        (seam.dataset("s3://lake", "raw/orders"), "raw/orders"),
        (seam.dataset("postgres://db:5432", "shop.orders"), "shop.orders"),
    ],
)
def test_a_name_is_cut_only_off_the_place_that_its_kind_has(component: Component, called: str) -> None:
    assert bare(component) == called
    assert seam_name(SeamKey("calls", component, component)) == f"{called} → {called}"
