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


def test_odd_cards_end():
    for text in ("", "\n\n", "```", "|", "#", "- ", "# \n|\n```\n- x\n"):
        card_blocks(text)
