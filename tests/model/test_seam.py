"""Names of components: what is put into one is read out of it again."""

import pytest

from agent.model.seam import Component, route, server_of, service


@pytest.mark.parametrize("name", ["checkout", "order api", "SHOP", "shop-2.eu", "a b c", "мой магазин", "-"])
@pytest.mark.parametrize("method", ["GET", "post", "M-SEARCH", "_OTHER", ""])
@pytest.mark.parametrize("template", ["/", "/orders/{id}", "/a b", "/GET /x", "GET x", ""])
def test_who_serves_a_route_is_read_out_of_its_name(name: str, method: str, template: str) -> None:
    assert server_of(route(name, method, template)) == service(name)


@pytest.mark.parametrize(("name", "owner"), [("shop", "shop"), ("shop get /x", "shop"), ("shop GET", "shop")])
def test_of_a_name_that_is_none_of_a_route_the_first_word_counts(name: str, owner: str) -> None:
    assert server_of(Component("route", name)) == service(owner)
