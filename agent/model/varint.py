"""Numbers of seven bits a byte, the lowest first: as Protobuf, Kafka and our chunks of samples write them."""


def put_varint(number: int) -> bytes:
    """A base-128 number (LEB128); negative ones as 64-bit two's complement."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
