"""The fictional patients: names in many scripts, birth dates, sexes."""

from dataclasses import dataclass

ISSUER = "TWINSIGHT-DEMO"
LATIN_1, UTF_8 = "ISO_IR 100", "ISO_IR 192"


@dataclass(frozen=True)
class Person:
    """A patient who never lived."""

    number: int
    name: str
    birth_date: str
    sex: str
    charset: str | tuple[str, ...] = LATIN_1

    @property
    def key(self) -> str:
        """The name of everything that is random about this person."""
        return f"person {self.number}"

    @property
    def patient_id(self) -> str:
        """Patient ID as the fictional hospital gives it."""
        return f"DEMO-{self.number:04d}"

    @property
    def is_female(self) -> bool:
        """Whether to draw a woman's body."""
        return self.sex == "F"

    def age_on(self, date: str) -> int:
        """Whole years between birth and a date (both YYYYMMDD)."""
        return (int(date) - int(self.birth_date)) // 10000


_JAPANESE = ("", "ISO 2022 IR 87")
_KOREAN = ("", "ISO 2022 IR 149")

PEOPLE = (
    Person(1, "Lindqvist^Åsa^Margareta", "19580314", "F"),
    Person(2, "O'Brien^Declan", "19490722", "M"),
    Person(3, "Yamada^Tarou=山田^太郎=やまだ^たろう", "19621105", "M", _JAPANESE),
    Person(4, "Müller^Jürgen^^Dr.", "19550130", "M"),
    Person(5, "García Núñez^María José", "19710818", "F"),
    Person(6, "Hong^Gildong=洪^吉洞=홍^길동", "19670409", "M", _KOREAN),
    Person(7, "Kowalczyk^Łucja", "19831212", "F", "ISO_IR 101"),
    Person(8, "Иванов^Пётр^Сергеевич", "19460627", "M", "ISO_IR 144"),
    Person(9, "Nguyễn^Thị Hồng", "19780203", "F", UTF_8),
    Person(10, "Okonkwo^Chidi", "19850919", "M"),
    Person(11, "Suzuki^Hanako=鈴木^花子=すずき^はなこ", "19540511", "F", _JAPANESE),
    Person(12, "Lefèvre^Hélène", "19630825", "F"),
    Person(13, "Papadopoulos^Nikos=Παπαδόπουλος^Νίκος", "19520117", "M", UTF_8),
    Person(14, "Wang^Xiaodong=王^小东", "19740630", "M", UTF_8),
    Person(15, "Sørensen^Jørgen", "19480222", "M"),
    Person(16, "Ferreira da Conceição^João", "19690714", "M"),
    Person(17, "Kim^Minji=金^敏智=김^민지", "19910328", "F", _KOREAN),
    Person(18, "Smith^Eleanor^Ruth", "19440909", "F"),
    Person(19, "Yılmaz^Çağla", "19870123", "F", "ISO_IR 148"),  # noqa: RUF001 a Turkish name
    Person(20, "Schröder^Grit", "19660505", "F"),
    Person(21, "Петрова^Анна", "19591019", "F", "ISO_IR 144"),
    Person(22, "Adeyemi^Folasade", "19790416", "F"),
    Person(23, "Virtanen^Päivi", "19530807", "F"),
    Person(24, "حداد^سامي", "19610212", "M", UTF_8),
    Person(25, "Tanaka^Ken=田中^健=たなか^けん", "19890704", "M", _JAPANESE),
    Person(26, "Brown^Michael^J", "19510328", "M"),
    Person(27, "Horváth^Győző", "19760921", "M", "ISO_IR 101"),
    Person(28, "Singh^Harpreet", "19930611", "F"),
)
