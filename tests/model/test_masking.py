"""What looks like a secret is masked, and what does not stays readable."""

import pytest

from agent.model.masking import MASK, mask


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connection.password", "x"),
        ("ssl.keystore.password", "changeit"),
        ("aws.secret.access.key", "abc"),
        ("sasl.jaas.config", "x"),
        ("basic.auth.user.info", "u:p"),
        ("api_key", "abc"),
        ("auth.token", "abc"),
        ("azure.sas-token", "abc"),
        ("query", "select * from t where mail = 'a@b.c'"),
        ("anything", "jdbc:mysql://root:pw@h/d"),
        ("anything", "mongodb+srv://user@h/d"),
        ("anything", "jdbc:sqlserver://h;user=u;password=p"),
        ("anything", "-----BEGIN PRIVATE KEY-----\nabc"),
        ("anything", "eyJhbGciOiJI.eyJzdWIiOiIx.abc"),
        ("anything", 'org.apache.kafka.common.security.plain.PlainLoginModule required username="u";'),
        ("anything", "AKIAIOSFODNN7EXAMPLE"),
        ("headers", "Authorization: Bearer abcdefgh12"),
        ("anything", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        ("anything", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"),
        ("anything", "jdbc:oracle:thin:scott/tiger@db:1521:shop"),
        ("anything", '{"user": "u", "password": "p"}'),
        ("anything", '{"Authorization": "Digest p"}'),
        ("anything", '[{"auth": {"client_secret": "p"}}]'),
        ("anything", r'{"inner": "{\"apiKey\": \"p\"}"}'),
    ],
)
def test_what_looks_like_a_secret_is_masked(name: str, value: str) -> None:
    assert mask(name, value) == MASK


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("errors.deadletterqueue.topic.name", "orders.dlq"),
        ("connector.class", "io.confluent.connect.jdbc.JdbcSinkConnector"),
        ("connection.url", "jdbc:postgresql://db:5432/shop"),
        ("topics", "orders,customers.v2,invoices-2026"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("connection.password", "${file:/opt/secrets:password}"),
        ("connection.password", ""),
        ("pk.mode", "record_key"),
        ("errors.retry.timeout", "-1"),
        ("key.converter.schemas.enable", "false"),
        ("sasl.oauthbearer.token.endpoint.url", "https://idp/token"),
        ("retention.ms", "604800000"),
        ("tokenizer", "standard"),
        ("message.key.columns", "shop.orders:id"),
        ("primary.key.fields", "id"),
        ("anything", '{"author": "u", "authors": ["v"]}'),
        ("anything", '{"user": "u", "password": "", "tokenizer": "standard"}'),
        ("connection.url", "jdbc:oracle:thin:@db:1521:shop"),
    ],
)
def test_what_is_no_secret_stays_readable(name: str, value: str) -> None:
    assert mask(name, value) == value
