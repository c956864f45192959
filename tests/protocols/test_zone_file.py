"""Zone files as operators write them (RFC 1035 §5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.zone_file import ZoneFileError, ZoneFileRecord, read_record, read_zone_file

ZONE = """\
$TTL 1h
@ IN SOA ns1 hostmaster (
        2026010100 ; serial
        1d 2h 4w 1h )
        NS   ns1
   300  MX   10 mail
ns1     A    192.0.2.1
        AAAA 2001:db8::1
mail 60 IN A crepes.fr     ; a host's address
mail IN 60 TXT "v=spf1 mx " "-all"
long    TXT  ( "one "
               "two" )
*.pool  A    192.0.2.99

$ORIGIN sub
@       CNAME @.crepes.fr.
$ORIGIN example.
1.2.0.192.in-addr.arpa. PTR a
_25._tcp TLSA 3 1 1 ( E3B0C44298FC1C149AFBF4C8996FB924
                      27AE41E4649B934CA495991B7852B855 )
_imaps._tcp SRV 0 1 993 mail
"""
RECORDS = [
    ("crepes.fr.", 3600, "SOA", "ns1.crepes.fr. hostmaster.crepes.fr. 2026010100 86400 7200 2419200 3600", 1),
    ("crepes.fr.", 3600, "NS", "ns1.crepes.fr.", 4),
    ("crepes.fr.", 300, "MX", "10 mail.crepes.fr.", 5),
    ("ns1.crepes.fr.", 3600, "A", "192.0.2.1", 6),
    ("ns1.crepes.fr.", 3600, "AAAA", "2001:db8::1", 7),
    ("mail.crepes.fr.", 60, "A", "", 8, "crepes.fr"),
    ("mail.crepes.fr.", 60, "TXT", '"v=spf1 mx " "-all"', 9),
    ("long.crepes.fr.", 3600, "TXT", '"one " "two"', 10),
    ("*.pool.crepes.fr.", 3600, "A", "192.0.2.99", 12),
    ("sub.crepes.fr.", 3600, "CNAME", "\\@.crepes.fr.", 15),
    ("1.2.0.192.in-addr.arpa.", 3600, "PTR", "a.example.", 17),
    ("_25._tcp.example.", 3600, "TLSA", "3 1 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 18),
    ("_imaps._tcp.example.", 3600, "SRV", "0 1 993 mail.example.", 20),
]


def test_a_zone_is_read_with_every_liberty_the_form_allows() -> None:
    assert list(read_zone_file(ZONE, "crepes.fr")) == [ZoneFileRecord(*record) for record in RECORDS]


def test_without_an_origin_names_are_whole() -> None:
    [record] = read_zone_file("someschool.edu MX 10 mx1.someschool.edu")
    assert record == ZoneFileRecord("someschool.edu.", None, "MX", "10 mx1.someschool.edu.", 0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x", "a type of record belongs here, not the end of the line"),
        ("x TXTT a", "'TXTT' is no type of record; a line has a name, then e.g. MX, A or TXT, then data"),
        ("x 1week TXT a", "'1week' is neither a TTL nor a type of record"),
        (" TXT a", "a line that begins with a blank is about the name above it, and there is none; write the name"),
        ('x TXT "a"\n      "b"', "a type of record belongs here, not 'b'; a record over several lines stands in paren"),
        ('x TXT "a', 'this is no TXT record: newline in quoted string; write e.g. TXT "v=spf1 mx -all"'),
        (f"x TXT {'a' * 256}", "a string of a TXT record has 255 octets at most; split it: "),
        (f"x TXT {'a ' * 40_000}", "the data of a record have 65,535 octets at most"),
        ("x TXT ( a", "this is no TXT record: unbalanced parentheses"),
        ("x MX mx1", "this is no MX record: expecting an integer; write e.g. MX 10 mx1.someschool.edu."),
        ("x MX 65536 mx1", "this is no MX record: 65536 is not an unsigned 16-bit integer"),
        ("x A", "A needs an address: A 192.0.2.1"),
        ("x A ::1", "'::1' is no IPv4 address, which A needs"),
        ("x AAAA 192.0.2.1", "'192.0.2.1' is no IPv6 address, which AAAA needs"),
        ("x TLSA 3 1 1 aabb", "this is no TLSA record: certificate association data length inconsistent with matching"),
        ("x SRV 0 1 mail", "this is no SRV record: expecting an integer; write e.g. SRV 0 1 587 mail.someschool.edu."),
        ("x RRSIG a", "RRSIG records are made by the name server; say 'dnssec: true'"),
        ("x ANY a", "a zone here cannot hold ANY"),
        ("$INCLUDE other.zone", "$INCLUDE is not read here; write the records themselves"),
        ("$GENERATE 1-9999999 a$ A 192.0.2.1", "$GENERATE is not read here"),
        ("a..b A 192.0.2.1", "'a..b' is not a DNS name: A DNS label is empty"),
        (f"{'x' * 64} A 192.0.2.1", "is not a DNS name: A DNS label is > 63 octets long"),
    ],
)
def test_a_line_that_is_none_is_named_with_a_remedy(line: str, words: str) -> None:
    with pytest.raises(ZoneFileError) as caught:
        list(read_zone_file(f"good A 192.0.2.1\n{line}\n" if line[0] != " " else line))
    assert words in str(caught.value)
    assert caught.value.line == line.count("\n") + (line[0] != " ")


@pytest.mark.parametrize("text", ["", "MX 10 a\nMX 20 b", "; nothing"])
def test_one_record_is_one(text: str) -> None:
    with pytest.raises(ZoneFileError):
        read_record(text)


@given(
    st.lists(
        st.sampled_from(
            ["@", "a", "\n", "\n ", "TXT", "A", "MX", "10", '"', "(", ")", ";", "$TTL", "1h", "\\", "é", "IN"]
        )
    ).map(" ".join)
    | st.text(max_size=200)
)
def test_whatever_the_text_it_is_read_or_refused_with_its_line(text: str) -> None:
    records, mistake = [], None
    try:
        for record in read_zone_file(text):
            records.append(record)
    except ZoneFileError as error:
        mistake = error
    assert all(record.name.endswith(".") and 0 <= record.line <= text.count("\n") for record in records)
    assert mistake is None or (str(mistake) and 0 <= mistake.line <= text.count("\n") + 1)
