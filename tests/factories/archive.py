"""Rows of the archive, one factory a model."""

import hashlib

import factory
from factory.django import DjangoModelFactory

from archive.models import Blob, Instance, Patient, Series, Study


class PatientFactory(DjangoModelFactory):
    class Meta:
        model = Patient

    dicom_patient_id = factory.Sequence(lambda n: f"PAT{n}")
    patient_name = factory.Sequence(lambda n: f"Test^Patient{n}")
    patient_name_search = factory.Sequence(lambda n: f"test patient{n}")
    patient_sex = "F"


class StudyFactory(DjangoModelFactory):
    """A study; pass ``projects=[…]`` to put it somewhere."""

    class Meta:
        model = Study
        skip_postgeneration_save = True

    patient = factory.SubFactory(PatientFactory)
    study_instance_uid = factory.Sequence(lambda n: f"1.2.826.0.1.1.{n}")

    @factory.post_generation
    def projects(self, create, extracted, **kwargs):
        if create and extracted:
            self.projects.add(*extracted)


class SeriesFactory(DjangoModelFactory):
    class Meta:
        model = Series

    study = factory.SubFactory(StudyFactory)
    series_instance_uid = factory.Sequence(lambda n: f"1.2.826.0.1.2.{n}")
    modality = "CT"


class BlobFactory(DjangoModelFactory):
    class Meta:
        model = Blob

    sha256 = factory.Sequence(lambda n: hashlib.sha256(str(n).encode()).hexdigest())
    size_bytes = 1000


class InstanceFactory(DjangoModelFactory):
    class Meta:
        model = Instance

    series = factory.SubFactory(SeriesFactory)
    sop_instance_uid = factory.Sequence(lambda n: f"1.2.826.0.1.3.{n}")
    sop_class_uid = "1.2.840.10008.5.1.4.1.1.2"
    transfer_syntax_uid = "1.2.840.10008.1.2.1"
    instance_number = factory.Sequence(int)
    has_pixel_data = True
    blob = factory.SubFactory(BlobFactory)
    dataset_sha256 = factory.Sequence(lambda n: hashlib.sha256(f"d{n}".encode()).hexdigest())
