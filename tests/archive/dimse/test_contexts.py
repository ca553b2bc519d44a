import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGLSLossless
from pynetdicom import AllStoragePresentationContexts, build_context

from archive.dimse.contexts import VERIFICATION, Rights, is_storage_class, supported_contexts

CT = "1.2.840.10008.5.1.4.1.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.1.1"


@pytest.mark.parametrize(
    "context", AllStoragePresentationContexts, ids=lambda cx: cx.abstract_syntax.keyword
)
def test_every_storage_class_is_supported(context):
    assert supported_contexts([context], Rights(may_store=True))


@pytest.mark.parametrize(
    ("uid", "expected"),
    [(CT, True), ("1.3.12.2.1107.5.9.1", True), (FIND, False), ("1.2.840.10008.9", False)],
)
def test_private_classes_are_storage_and_other_services_not(uid, expected):
    assert is_storage_class(uid) is expected


def test_syntaxes_keep_the_requestors_order():
    wanted = [JPEGLSLossless, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian]

    (context,) = supported_contexts([build_context(CT, wanted)], Rights(may_store=True))

    assert context.transfer_syntax == wanted


def test_one_class_in_several_contexts_is_one_context_of_all_its_syntaxes():
    requested = [build_context(CT, syntax) for syntax in (JPEGLSLossless, ExplicitVRLittleEndian)]

    (context,) = supported_contexts(requested, Rights(may_store=True))

    assert context.transfer_syntax == [JPEGLSLossless, ExplicitVRLittleEndian]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.7.1", "1.2.3"])
def test_syntaxes_whose_pixels_lie_elsewhere_are_not_supported(syntax):
    assert supported_contexts([build_context(CT, syntax)], Rights(may_store=True)) == []


def test_who_may_not_store_may_still_echo():
    requested = [build_context(CT), build_context(VERIFICATION)]

    (context,) = supported_contexts(requested, Rights())

    assert context.abstract_syntax == VERIFICATION


def test_private_classes_are_storage_as_configured(settings):
    settings.TWINSIGHT_PRIVATE_SOP_CLASSES = ["1.3.12.2.1107.5.9.1"]

    assert is_storage_class("1.3.12.2.1107.5.9.1")
    assert not is_storage_class("1.3.12.2.1107.5.9.2")


def test_who_wants_to_be_sent_instances_is_offered_what_holds_all_of_them():
    wanted = [JPEGLSLossless, ExplicitVRLittleEndian]
    rights = Rights(may_store=True, may_retrieve=True)

    (plain,) = supported_contexts([build_context(CT, wanted)], rights, scp_roles={CT})
    liking = Rights(may_retrieve=True, preferred=(JPEGLSLossless,))
    (liked,) = supported_contexts([build_context(CT, wanted)], liking, scp_roles={CT})

    assert plain.transfer_syntax == [ExplicitVRLittleEndian, JPEGLSLossless]
    assert (plain.scu_role, plain.scp_role) == (True, True)
    assert liked.transfer_syntax == wanted
    assert (liked.scu_role, liked.scp_role) == (False, True)


def test_identifiers_are_never_deflated():
    wanted = [DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian]

    (context,) = supported_contexts([build_context(FIND, wanted)], Rights(may_query=True))

    assert context.transfer_syntax == [ExplicitVRLittleEndian]
