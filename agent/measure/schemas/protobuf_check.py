"""Whether a reader's Protobuf schema reads what a writer's wrote: field by field, as records carry them.

A record carries numbers and forms, no names: what is renamed is read, and what nobody knows is passed over. What counts
is whether a value that is written is found, and is the same one. Sources: the encoding of Protobuf and its rules for
updating messages; where a registry refuses what the wire carries well (a message of another name), it is left open.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor, OneofDescriptor
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto

from agent.measure.schemas.comparison import DEPENDS, MOST_BREAKS, READABLE, Break, Budget, Comparison, named
from agent.measure.schemas.protobuf_compile import Imports, compiled
from agent.measure.schemas.protobuf_values import NAMES, VARINT, Outcome, form, outcome

_MOST_PATH = 200  #: characters of a path
_GOOGLE = "google.protobuf."
_ALIKE = frozenset(
    f"{_GOOGLE}{kind}Value" for kind in ("Int32", "Int64", "UInt32", "UInt64", "Bool", "Double", "Float")
)


def check(reader: tuple[str, Imports], writer: tuple[str, Imports]) -> Comparison:
    """Compare two schemas; raise UncomparableError where that is not possible."""
    reads, writes = compiled(*reader), compiled(*writer)
    walk = _Walk(Budget())
    walk.records(reads, writes)
    walk.all()
    if not walk.breaks and not walk.unsure:
        return READABLE
    return Comparison(tuple(dict.fromkeys(walk.breaks))[:MOST_BREAKS], "" if walk.breaks else walk.unsure)


class _Walk:
    """Both schemas side by side, from the messages that may be records to all that they hold; each pair once."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._done: set[tuple[str, str]] = set()
        self._left: deque[tuple[Descriptor, Descriptor, str]] = deque()
        self.breaks: list[Break] = []
        self.unsure = ""

    def records(self, reads: FileDescriptor, writes: FileDescriptor) -> None:
        """Messages that a record may be of, by their names within the package."""
        known, held = _messages(reads), self._held(writes)
        renamed = ""
        for number, (name, written) in enumerate(_messages(writes).items()):
            if name in known:
                self.meet(known[name], written, f"/{name}")
            elif number == 0 or written.full_name not in held:
                renamed = self._gone(list(known.values())[number : number + 1], written) or renamed
        if reads.package != writes.package and known:
            renamed = renamed or f"the package {named(writes.package)} is now {named(reads.package)}"
        if renamed:
            self._open(f"who looks for a type by its name does not find it, and others read on: {renamed}")

    def _held(self, file: FileDescriptor) -> set[str]:
        """Messages that are fields of others in the file: a record is hardly one of them alone."""
        found: set[str] = set()
        for message in _messages(file).values():
            for inner in (message, *_nested(message)):
                for field in inner.fields:
                    self._budget.step()
                    if field.message_type is not None and field.message_type.full_name != message.full_name:
                        found.add(field.message_type.full_name)
        return found

    def _gone(self, instead: Sequence[Descriptor], written: Descriptor) -> str:
        """A message that the reader has not; what it is called now, if one in its place reads it."""
        for one in instead:
            if one.name not in _messages(written.file) and self._alike(one, written):
                return f"the message {named(written.name)} is now {named(one.name)}"
        self._broken("/", f"records of {named(written.name)} may be written, which the reader does not know")
        return ""

    def _alike(self, reads: Descriptor, writes: Descriptor) -> bool:
        """One message reads another, whatever their names."""
        walk = _Walk(self._budget)
        walk.meet(reads, writes, "/")
        walk.all()
        return not walk.breaks and _common(reads, writes)

    def meet(self, reads: Descriptor, writes: Descriptor, path: str) -> None:
        """Two messages, to be compared once."""
        pair = (reads.full_name, writes.full_name)
        if pair not in self._done:
            self._done.add(pair)
            self._left.append((reads, writes, path))

    def all(self) -> None:
        """Compare until nothing is left."""
        while self._left:
            reads, writes, path = self._left.popleft()
            self._fields(reads, writes, path)
            self._choices(reads, writes, path)

    def _broken(self, path: str, what: str) -> None:
        self.breaks.append(Break(path if len(path) <= _MOST_PATH else f"{path[: _MOST_PATH - 1]}…", what))

    def _open(self, what: str) -> None:
        self.unsure = self.unsure or f"{DEPENDS}{what}"

    def _fields(self, reads: Descriptor, writes: Descriptor, path: str) -> None:
        written = {field.number: field for field in _fields(writes)}
        for field in _fields(reads):
            self._budget.step()
            place, found = f"{path}/{field.name}", written.get(field.number)
            if self._moved(field, writes, place):
                continue
            if found is not None:
                self._field(field, found, place)
            elif field.is_required:
                self._broken(place, f"{named(field.name)} is not written, and the reader refuses a record without it")

    def _moved(self, field: Field, writes: Descriptor, path: str) -> bool:
        """It is written under another number, which nobody has set aside."""
        other, home = writes.fields_by_name.get(field.name), field.containing_type
        if field.is_extension or home is None or other is None or other.number == field.number:
            return False
        if _reserves(home, other.number) or _reserves(writes, field.number):
            return False
        self._broken(
            path,
            f"{named(field.name)} is written as number {other.number} and read as number {field.number}: "
            "the reader never finds it",
        )
        return True

    def _field(self, reads: Field, writes: Field, path: str) -> None:
        if reads.is_required and not writes.is_required:
            self._broken(path, f"{named(reads.name)} may be left out, and the reader refuses a record without it")
        if self._counted(reads, writes, path):
            return
        if reads.message_type is not None and writes.message_type is not None and form(reads) == form(writes):
            self._message(reads, writes, path)
            return
        result, example = outcome(writes, reads)
        if result in (Outcome.LOST, Outcome.OTHER):
            self._broken(path, f"{_both(reads, writes)}: {example}")
        elif result is Outcome.DEPENDS:
            self._open(f"{_both(reads, writes)} at {path}: {example}")
        else:
            self._value(reads, writes, path)

    def _counted(self, reads: Field, writes: Field, path: str) -> bool:
        """Several are written and one is read; true where nothing of it is found."""
        if reads.is_repeated and _is_map(reads) and not _is_map(writes):
            self._open(f"{_both(reads, writes)} at {path}: of several with one key only the last is read")
        if reads.is_repeated or not writes.is_repeated:
            return False
        if writes.is_packed:
            self._broken(path, f"{_both(reads, writes)}: the reader never finds it")
            return True
        what = (
            "several are read as one, mixed" if reads.message_type is not None else "of several only the last is read"
        )
        self._open(f"{_both(reads, writes)} at {path}: {what}")
        return False

    def _value(self, reads: Field, writes: Field, path: str) -> None:
        """The same form and kind: numbers of an enum, and what stands for a value that is not written."""
        if reads.enum_type is not None and writes.enum_type is not None:
            self._enum(reads.enum_type, writes.enum_type, path, refuses=reads.is_required)
        elif reads.enum_type is not None and reads.enum_type.is_closed:
            self._open(f"{_both(reads, writes)} at {path}: other numbers are passed over")
        if writes.has_presence or writes.is_repeated or reads.is_repeated:
            return
        if (reads.default_value or 0) != (writes.default_value or 0):
            self._broken(
                path,
                f"{named(reads.name)} is not written where it is {named(str(writes.default_value))}, and the reader "
                f"takes it for {named(str(reads.default_value))}",
            )

    def _enum(self, known: EnumDescriptor, written: EnumDescriptor, path: str, *, refuses: bool) -> None:
        for value in written.values:
            self._budget.step()
            other = known.values_by_name.get(value.name)
            if other is not None and other.number != value.number:
                if not _retired(known, value.number) and not _retired(written, other.number):
                    self._broken(path, _taken(known, value.name, value.number, other.number))
            elif refuses and known.is_closed and value.number not in known.values_by_number:
                what = f"{named(value.name)} may be written, and the reader refuses a record with a number it has not"
                self._broken(path, what)

    def _message(self, reads: Field, writes: Field, path: str) -> None:
        read, written = reads.message_type, writes.message_type
        if read is None or written is None:
            return
        google = all(one.full_name.startswith(_GOOGLE) for one in (read, written))
        if read.full_name != written.full_name and google and not {read.full_name, written.full_name} <= _ALIKE:
            self._broken(path, f"{_both(reads, writes)}: other values")
            return
        if read.name != written.name and not _common(read, written):
            self._broken(path, f"{_both(reads, writes)}: the reader finds nothing in it")
            return
        self.meet(read, written, path)

    def _choices(self, reads: Descriptor, writes: Descriptor, path: str) -> None:
        """Fields of which only one at a time is there, at either side."""
        for choice in filter(_chosen, reads.oneofs):
            self._budget.step()
            both = [
                field.name
                for field in choice.fields
                if (found := writes.fields_by_number.get(field.number)) is not None
                and (found.containing_oneof is None or not _chosen(found.containing_oneof))
            ]
            if len(both) > 1:
                what = (
                    f"{named(both[0])} and {named(both[1])} may both be written, and the reader keeps the last one only"
                )
                self._broken(f"{path}/{choice.name}", what)
        for choice in filter(_chosen, writes.oneofs):
            self._cases(reads, choice, path)

    def _cases(self, reads: Descriptor, written: OneofDescriptor, path: str) -> None:
        """A case of the writer's that the reader has not, of a choice that it has."""
        met = [(field, reads.fields_by_number.get(field.number)) for field in written.fields]
        homes = [found.containing_oneof for _, found in met if found is not None and found.containing_oneof is not None]
        home = next(filter(_chosen, homes), None)
        lacking = [field.name for field, found in met if found is None]
        if home is not None and lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            what = (
                f"{named(lacking[0])}{more} may be written for {named(home.name)}, and the reader finds no case of it"
            )
            self._broken(f"{path}/{home.name}", what)


def _messages(file: FileDescriptor) -> dict[str, Descriptor]:
    return dict(file.message_types_by_name)


def _common(one: Descriptor, other: Descriptor) -> bool:
    """They share a number, or one of them has none."""
    return not one.fields or not other.fields or any(field.number in one.fields_by_number for field in other.fields)


def _nested(message: Descriptor) -> Iterator[Descriptor]:
    for one in message.nested_types:
        yield one
        yield from _nested(one)


def _fields(message: Descriptor) -> Sequence[Field]:
    """Its fields, and those that others add to it."""
    if not message.is_extendable:
        return message.fields
    return [*message.fields, *message.file.pool.FindAllExtensions(message)]


def _chosen(choice: OneofDescriptor) -> bool:
    """A choice that somebody wrote; one field that is marked optional makes one as well."""
    return len(choice.fields) > 1 or choice.name.lstrip("X") != f"_{choice.fields[0].name}"


def _reserves(message: Descriptor, number: int) -> bool:
    """The number is set aside, so that nobody takes it for something else."""
    told = DescriptorProto()
    message.CopyToProto(told)
    return any(one.start <= number < one.end for one in told.reserved_range)


def _retired(enum: EnumDescriptor, number: int) -> bool:
    """The number of a value is set aside."""
    told = EnumDescriptorProto()
    enum.CopyToProto(told)
    return any(one.start <= number <= one.end for one in told.reserved_range)


def _taken(known: EnumDescriptor, name: str, number: int, other: int) -> str:
    taken = known.values_by_number.get(number)
    instead = f"the reader takes it for {named(taken.name)}" if taken is not None else "which the reader does not know"
    return f"{named(name)} is written as {number} and read as {other}: {instead}"


def _both(reads: Field, writes: Field) -> str:
    return f"{named(reads.name)} is written as {_typed(writes)} and read as {_typed(reads)}"


def _typed(field: Field) -> str:
    """A type in words, as its schema names it."""
    kind = NAMES[field.type]
    if field.message_type is not None:
        kind = "a map" if _is_map(field) else f"the message {named(field.message_type.name)}"
    elif field.enum_type is not None:
        kind = f"the enum {named(field.enum_type.name)}"
    if not field.is_repeated or kind == "a map":
        return kind
    return f"{'packed ' if field.is_packed and form(field) == VARINT else ''}repeated {kind}"


def _is_map(field: Field) -> bool:
    return field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry
