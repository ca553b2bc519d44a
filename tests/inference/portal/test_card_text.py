import pytest

from inference.portal.card_text import CardBlock, card_blocks

CARD = """# Lung model
Finds **nodules**
on [CT](https://example.org/ct).

- one
  goes on
- `two`

| set | AUC |
|-----|----:|
| NIH | .73 |

```
<script>
```
"""


def test_a_card_becomes_blocks_of_plain_text():
    assert card_blocks(CARD) == [
        CardBlock("heading", text="Lung model"),
        CardBlock("text", text="Finds nodules on CT (https://example.org/ct)."),
        CardBlock("list", rows=(("one goes on",), ("two",))),
        CardBlock("table", rows=(("set", "AUC"), ("NIH", ".73"))),
        CardBlock("code", text="<script>"),
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            "It knows *covid19*, *no_finding* and *a cold*.",
            "It knows covid19, no_finding and a cold.",
        ),
        ("**Not** for *any* use", "Not for any use"),
        ("2 * 3 * 4 is 24; n*m*k, a*", "2 * 3 * 4 is 24; n*m*k, a*"),
    ],
)
def test_emphasis_leaves_no_stars(written, read):
    assert card_blocks(written) == [CardBlock("text", text=read)]


def test_odd_cards_end():
    for text in ("", "\n\n", "```", "|", "#", "- ", "# \n|\n```\n- x\n"):
        card_blocks(text)
