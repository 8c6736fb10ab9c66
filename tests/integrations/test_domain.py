"""Signatures after the published vector, waits, and addresses that no webhook goes to."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from integrations.domain.addresses import refused_address, refused_url
from integrations.domain.webhooks import body_of, headers_of, retry_after
from integrations.models import check_endpoint_url, new_message_id, new_secret


def test_the_signature_is_that_of_the_published_example() -> None:
    """The example of the reference implementation of Standard Webhooks."""
    headers = headers_of(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        timestamp_s=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "content-type": "application/json",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_body_keeps_its_letters() -> None:
    assert body_of({"name": "José", "score": 7}) == '{"name":"José","score":7}'.encode()


def test_secrets_and_ids_are_new_each_time() -> None:
    assert len(new_secret()) == len("whsec_") + 44
    assert new_secret() != new_secret()
    assert new_message_id().startswith("msg_")
    assert new_message_id() != new_message_id()


def test_the_waits_grow_and_end() -> None:
    waits = [retry_after(attempts) for attempts in range(1, 9)]
    assert waits == [
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        None,
        None,
    ]


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    assert refused_address(address) == (
        f"{address} is a link-local, unspecified, multicast or cloud metadata address, and no receiver has one: "
        f"enter the address of your own service."
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.4", "fd00::7", "93.184.215.14"])
def test_addresses_that_are_fine(address: str) -> None:
    assert refused_address(address) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://[::ffff:a9fe:a9fe]:80/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://METADATA.google.internal./",
    ],
)
def test_urls_of_metadata_servers_are_refused_except_in_development(url: str) -> None:
    assert refused_url(url, any_address=False).endswith("enter the address of your own service.")
    assert refused_url(url, any_address=True) == ""


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com/", "example.com/hooks", "https://", "http://[::1/", "http://a:99999/", "file:///etc"],
)
@pytest.mark.parametrize("any_address", [True, False])
def test_what_is_no_web_address_is_refused_always(url: str, any_address: bool) -> None:
    assert refused_url(url, any_address=any_address) == (
        "This is not an http:// or https:// address: enter one such as https://example.com/hooks."
    )


@pytest.mark.parametrize("url", ["https://example.com/hooks", "http://n8n:5678/webhook/1", "http://127.0.0.1:8080"])
def test_urls_that_are_fine(url: str) -> None:
    assert refused_url(url, any_address=False) == ""


def test_development_may_use_any_address(settings: Settings) -> None:
    settings.DEBUG = True
    check_endpoint_url("http://169.254.169.254/")
    settings.DEBUG = False
    with pytest.raises(ValidationError, match=r"cloud metadata address"):
        check_endpoint_url("http://169.254.169.254/")
