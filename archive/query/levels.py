"""At which level an attribute lives that the index does not hold: what a search may return of it.

References
----------
DICOM PS3.3 annex C: the modules of the patient, the study, the series and the equipment
"""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

from archive.query.types import Level

_PATIENT = """
    IssuerOfPatientID IssuerOfPatientIDQualifiersSequence TypeOfPatientID PatientBirthTime
    PatientBirthDateInAlternativeCalendar PatientDeathDateInAlternativeCalendar
    PatientAlternativeCalendar QualityControlSubject OtherPatientIDs OtherPatientIDsSequence
    OtherPatientNames PatientBirthName PatientMotherBirthName EthnicGroup EthnicGroupCodeSequence
    PatientComments PatientSpeciesDescription PatientSpeciesCodeSequence PatientBreedDescription
    PatientBreedCodeSequence BreedRegistrationSequence StrainDescription ResponsiblePerson
    ResponsiblePersonRole ResponsibleOrganization PatientIdentityRemoved DeidentificationMethod
    DeidentificationMethodCodeSequence ReferencedPatientSequence PatientAddress
    PatientTelephoneNumbers CountryOfResidence RegionOfResidence MilitaryRank BranchOfService
    PatientReligiousPreference ClinicalTrialSponsorName ClinicalTrialProtocolID
    ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialSubjectID
    ClinicalTrialSubjectReadingID
"""
_STUDY = """
    StudyDescription IssuerOfAccessionNumberSequence ReferringPhysicianIdentificationSequence
    ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers ConsultingPhysicianName
    PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence NameOfPhysiciansReadingStudy
    PhysiciansReadingStudyIdentificationSequence RequestingServiceCodeSequence
    ReferencedStudySequence ProcedureCodeSequence ReasonForPerformedProcedureCodeSequence
    StudyComments StudyStatusID RequestingPhysician RequestingService RequestedProcedureDescription
    RequestedProcedureCodeSequence ReasonForStudy AdmittingDiagnosesDescription
    AdmittingDiagnosesCodeSequence PatientAge PatientSize PatientSizeCodeSequence PatientWeight
    PatientBodyMassIndex MedicalAlerts Allergies SmokingStatus PregnancyStatus LastMenstrualDate
    PatientState Occupation AdditionalPatientHistory AdmissionID IssuerOfAdmissionIDSequence
    ServiceEpisodeID ServiceEpisodeDescription PatientSexNeutered
    CurrentPatientLocation ReasonForVisit ReasonForVisitCodeSequence AdmittingDate AdmittingTime
    ClinicalTrialTimePointID ClinicalTrialTimePointDescription
    LongitudinalTemporalOffsetFromEvent LongitudinalTemporalEventType InstitutionalDepartmentName
"""
_SERIES = """
    Laterality SeriesDate SeriesTime PerformingPhysicianName
    PerformingPhysicianIdentificationSequence ProtocolName SeriesDescriptionCodeSequence
    OperatorsName OperatorIdentificationSequence ReferencedPerformedProcedureStepSequence
    RelatedSeriesSequence BodyPartExamined PatientPosition SmallestPixelValueInSeries
    LargestPixelValueInSeries PerformedProcedureStepID PerformedProcedureStepDescription
    PerformedProtocolCodeSequence PerformedProcedureStepEndDate PerformedProcedureStepEndTime
    CommentsOnThePerformedProcedureStep AnatomicalOrientationType ClinicalTrialSeriesID
    ClinicalTrialSeriesDescription ClinicalTrialCoordinatingCenterName Manufacturer
    InstitutionName InstitutionAddress InstitutionalDepartmentTypeCodeSequence
    ManufacturerModelName DeviceSerialNumber SoftwareVersions GantryID UDISequence
    SpatialResolution DateOfLastCalibration TimeOfLastCalibration StationName
    FrameOfReferenceUID PositionReferenceIndicator SeriesType Units CountsSource
    DecayCorrection AttenuationCorrectionMethod CollimatorType SynchronizationFrameOfReferenceUID
    PresentationIntentType ConversionType SecondaryCaptureDeviceManufacturer
"""


def _tags(keywords: str) -> frozenset[str]:
    return frozenset(f"{tag_for_keyword(keyword):08X}" for keyword in keywords.split())


_OF_STUDY = _tags(_PATIENT) | _tags(_STUDY)
_OF_SERIES = _OF_STUDY | _tags(_SERIES)


def is_of_level(tag: str, level: Level) -> bool:
    """Whether all instances below an object of the level have the same of an attribute.

    Parameters
    ----------
    tag
        eight hexadecimal digits
    level
        the query's level

    Returns
    -------
    for instances always, but for pixel data
    """
    if level is Level.INSTANCE:
        return not tag.startswith("7FE0")
    return tag in (_OF_SERIES if level is Level.SERIES else _OF_STUDY)
