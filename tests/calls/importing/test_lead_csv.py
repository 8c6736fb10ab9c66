import io
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.domain.csv_text import MAX_LINE
from calls.domain.lead_csv import ConsentGiven, FileRefused, Rejected, Row, parse_rows

FULL = (
    "Phone #,First Name,Last_Name,E-Mail,Type,Property Address,State,Time Zone,Lead Source,Priority,"
    "Consent Kind,consent_source,Consent Date,ZIP\n"
)


def rows(text: str | bytes, encoding: str = "utf-8") -> list[Row | Rejected]:
    return list(parse_rows(io.BytesIO(text if isinstance(text, bytes) else text.encode(encoding))))


def refusal(text: str | bytes) -> str:
    with pytest.raises(FileRefused) as refused:
        rows(text)
    return str(refused.value)


def test_every_column_under_the_names_people_give_it() -> None:
    line = (
        '303-555-0100,Maria,Lopez,maria@example.com,Seller,"12 Maple\nStreet",colorado,america/denver,web,2,'
        "PEWC,Home value form,2026-09-14T10:12:00-04:00,80202\n"
    )
    assert rows(FULL + line) == [
        Row(
            line=2,
            phone="+13035550100",
            name="Maria Lopez",
            email="maria@example.com",
            interest="sell",
            address="12 Maple Street",
            state="CO",
            zone="America/Denver",
            source="web",
            priority=2,
            consent=ConsentGiven("written", "Home value form", datetime(2026, 9, 14, 14, 12, tzinfo=UTC)),
        )
    ]


def test_columns_that_are_not_read_are_reported() -> None:
    file = parse_rows(io.BytesIO(b"phone,ZIP,shoe size,,name\n"))
    assert file.ignored_columns == ("ZIP", "shoe size")
    assert file.fields == ("phone", None, None, None, "name")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_delimiters_and_line_ends(encoding: str, delimiter: str, newline: str) -> None:
    text = newline.join(["name{0}phone", 'Zoë{0}"3035550100"', "", "{0}", "Ann{0}3035550101"]).format(delimiter)
    assert rows(text, encoding) == [
        Row(line=2, phone="+13035550100", name="Zoë"),
        Row(line=5, phone="+13035550101", name="Ann"),
    ]


def test_windows_text_is_read_and_said_to_be() -> None:
    file = parse_rows(io.BytesIO("phone,name\n3035550100,Zoë\n".encode("cp1252")))
    assert (file.encoding, list(file)) == ("cp1252", [Row(line=2, phone="+13035550100", name="Zoë")])


def test_the_delimiter_is_the_one_that_gives_the_most_columns() -> None:
    assert rows('"phone";"name, last first"\n3035550100;x\n') == [Row(line=2, phone="+13035550100")]
    assert parse_rows(io.BytesIO(b"phone\n3035550100\n")).delimiter == ","


def test_of_two_phone_columns_the_first_that_is_filled() -> None:
    assert rows("mobile,phone\n,3035550100\n3035550101,3035550102\n") == [
        Row(line=2, phone="+13035550100"),
        Row(line=3, phone="+13035550101"),
    ]


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"", "The file is empty: its first line must name the columns, one of them phone."),
        (b"\n \n,,\n", "The file is empty"),
        (
            b"Maria,Lopez,12 Maple\n",
            "No column holds the phone number. The first line names: Maria, Lopez, 12 Maple.",
        ),
        ("phone,name\n".encode("utf-16-le"), "UTF-16 without a byte order mark: save it as CSV UTF-8."),
        ("name\n".encode("utf-16"), "No column holds the phone number. The first line names: name."),
        (b"\xff\xfep\x00\x00\xd8", "The file is damaged UTF-16: save it again as CSV UTF-8."),
        (b'"phone,name\n3035550100,x\n', "The first line, which names the columns, cannot be read. A quotation mark"),
        (b",".join(b"c%d" % n for n in range(20)) + b"\n", "c11 and 8 more. Name one column phone;"),
    ],
)
def test_a_file_without_a_phone_column_is_refused_whole(file: bytes, sentence: str) -> None:
    assert sentence in refusal(file)


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("phone", "911", "911 is too short for a phone number: short codes cannot be called."),
        ("name", "=cmd|'/c calc'!A1", 'The name begins with "=", which a spreadsheet runs as a formula: remove it.'),
        ("name", "\t@SUM(1)", 'The name begins with "@", which a spreadsheet runs as a formula: remove it.'),
        ("address", "+1+1", 'The address begins with "+", which'),
        ("source", "-2+3", 'The source begins with "-", which'),
        ("name", "a\0b", "The name has characters that cannot be read: save the file as CSV UTF-8."),
        ("name", "a�b", "The name has characters that cannot be read"),
        ("name", "x" * 121, "The name has 121 characters, at most 120 are kept: shorten it."),
        ("address", "x" * 201, "The address has 201 characters, at most 200 are kept: shorten it."),
        ("email", "maria at example", '"maria at example" is not an e-mail address: correct it or leave it empty.'),
        ("interest", "rent", 'The interest is "rent": write sell or buy.'),
        ("state", "Bavaria", 'The state is "Bavaria": write its two letters, such as CO, or leave it empty.'),
        ("zone", "EST", 'The time zone is "EST": write an IANA name, such as America/Denver, or none.'),
        ("zone", "Etc/GMT+5", 'The time zone is "Etc/GMT+5": write an IANA name'),
        ("priority", "high", 'The priority is "high": write 1 (called first) to 9 (called last).'),
        ("priority", "0", 'The priority is "0": write 1'),
        ("interest", "r" * 50, f'The interest is "{"r" * 40}…": write sell or buy.'),
    ],
)
def test_a_wrong_cell_rejects_its_row_and_no_other(column: str, value: str, sentence: str) -> None:
    good = {"phone": "3035550100"}
    bad = good | {column: value}
    names = ["phone", "name", "address", "source", "email", "interest", "state", "zone", "priority"]
    text = "".join(
        ",".join('"' + cells.get(name, "").replace('"', '""') + '"' for name in names) + "\n"
        for cells in [{name: name for name in names}, bad, good]
    )
    assert rows(text) == [Rejected(line=2, reason=sentence_of(rows(text)[0])), Row(line=3, phone="+13035550100")]
    assert sentence in sentence_of(rows(text)[0])


def sentence_of(row: Row | Rejected) -> str:
    assert isinstance(row, Rejected)
    return row.reason


def test_first_and_last_name_together_may_not_be_too_long() -> None:
    [row] = rows(f"phone,first name,last name\n3035550100,{'a' * 100},{'b' * 100}\n")
    assert row == Rejected(2, "The name has 201 characters, at most 120 are kept: shorten it.")


@pytest.mark.parametrize(
    ("consent", "sentence"),
    [
        ("written,form,", "The consent is incomplete: fill consent_at, or empty all three cells."),
        (",,2026-03-04", "fill consent_kind and consent_source"),
        ("implied,form,2026-03-04", 'The consent kind is "implied": write written or oral.'),
        ("written,form,03/04/2026", 'The consent date is "03/04/2026": write it as 2026-03-04 or, with its zone,'),
        ("written,form,2026-03-04T10:00:00", 'The consent date is "2026-03-04T10:00:00": write it as'),
        ("written,form,2026-02-30", 'The consent date is "2026-02-30"'),
        ("written,form,0001-01-01T00:00:00+14:00", 'The consent date is "0001-01-01T00:00:00+14:00"'),
        ("written,=form,2026-03-04", 'The consent source begins with "="'),
    ],
)
def test_consent_is_whole_or_the_row_is_rejected(consent: str, sentence: str) -> None:
    [row] = rows(f"phone,consent_kind,consent_source,consent_at\n3035550100,{consent}\n")
    assert sentence in sentence_of(row)


def test_consent_by_day_is_its_first_moment_in_utc() -> None:
    [row] = rows("phone,consent,consent form,consent date\n3035550100,Verbal,call of March,2026-03-04\n")
    assert row == Row(
        line=2,
        phone="+13035550100",
        consent=ConsentGiven("oral", "call of March", datetime(2026, 3, 4, tzinfo=UTC)),
    )


def test_the_number_of_cells_must_be_the_headers() -> None:
    few, many, empty = rows("phone,name,address\n3035550100,x\n3035550100,x,a, b\n3035550100,x,a,,\n")
    assert sentence_of(few).startswith("The row has 2 cells, the header 3: put quotation marks around")
    assert sentence_of(many).startswith("The row has 4 cells, the header 3")
    assert empty == Row(line=4, phone="+13035550100", name="x", address="a")


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    lines = "".join(f"30355501{n:02},x\n" for n in range(30))
    found = rows(f'phone,name\n3035550200,"x\n{lines}3035550201,"y\n')
    reason = 'A quotation mark is opened and never closed: close it, or write it twice ("").'
    assert found[0] == Rejected(2, reason)
    assert found[1:-1] == [Row(line=n + 3, phone=f"+130355501{n:02}", name="x") for n in range(30)]
    assert found[-1] == Rejected(33, reason)


def test_wrong_quotes_and_endless_lines_cost_their_own_row() -> None:
    text = (
        f'phone,name\n3035550100,"x" y\n3035550101,{"z" * MAX_LINE * 3}\n3035550102,"{"z" * MAX_LINE}\n3035550103,w\n'
    )
    quotes, long, both, good = rows(text)
    assert sentence_of(quotes).startswith("The quotation marks are wrong (',' expected after '\"')")
    assert sentence_of(long) == sentence_of(both) == f"The line is longer than {MAX_LINE} characters: shorten it."
    assert good == Row(line=5, phone="+13035550103", name="w")


def test_a_long_line_inside_a_quote_loses_no_row_after_it() -> None:
    text = f'phone,name\n3035550100,"x\n3035550101,{"z" * MAX_LINE * 2}\n3035550102,y\n'
    opened, long, good = rows(text)
    assert [sentence_of(opened), sentence_of(long)] == [
        f"The line is longer than {MAX_LINE} characters: shorten it.",
        f"The line is longer than {MAX_LINE} characters: shorten it.",
    ]
    assert good == Row(line=4, phone="+13035550102", name="y")


def test_lines_are_counted_where_a_row_begins() -> None:
    assert [row.line for row in rows('\nphone,address\n3035550100,"a\nb\nc"\n\n3035550101,d\n')] == [3, 7]


@given(st.binary(max_size=300))
def test_whatever_the_bytes_the_answer_is_rows_or_one_refusal(noise: bytes) -> None:
    try:
        found = rows(b"phone,name\n3035550100,x\n" + noise)
    except FileRefused:
        return
    assert found[0].line == 2
    assert [row.line for row in found] == sorted({row.line for row in found})


def test_memory_does_not_grow_with_the_file() -> None:
    def peak(rows: int) -> int:
        file = io.BytesIO(b"phone,name\n" + b"3035550100,Ann Smith\n" * rows)
        tracemalloc.start()
        try:
            assert sum(1 for _ in parse_rows(file)) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # fills the caches
    assert peak(3_000) < peak(1_000) + 100_000
