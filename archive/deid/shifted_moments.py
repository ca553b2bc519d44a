"""Which dates and times are moved by a patient's offset: those of their own care, and no others.

A moment that is the same for many patients, or that anybody can look up (the version of a context
group, the calibration of a scanner), would tell the offset as soon as it is moved by it: output
less what is known. So this is a list of what is moved, and what is not on it gets the action of the
Basic profile, whose dummies hang on nobody.
"""

from __future__ import annotations

_VISIT = """
    AdmittingDate AdmittingTime DischargeDate DischargeTime LastMenstrualDate ScheduledAdmissionDate
    ScheduledAdmissionTime ScheduledDischargeDate ScheduledDischargeTime
"""
_ORDER_AND_STEPS = """
    ExpectedCompletionDateTime IssueDateOfImagingServiceRequest IssueTimeOfImagingServiceRequest
    PerformedProcedureStepEndDate PerformedProcedureStepEndDateTime PerformedProcedureStepEndTime
    PerformedProcedureStepStartDate PerformedProcedureStepStartDateTime
    PerformedProcedureStepStartTime ProcedureStepCancellationDateTime ScheduledProcedureStepEndDate
    ScheduledProcedureStepEndTime ScheduledProcedureStepExpirationDateTime
    ScheduledProcedureStepModificationDateTime ScheduledProcedureStepStartDate
    ScheduledProcedureStepStartDateTime ScheduledProcedureStepStartTime ScheduledStudyStartDate
    ScheduledStudyStartTime ScheduledStudyStopDate ScheduledStudyStopTime StudyArrivalDate
    StudyArrivalTime StudyCompletionDate StudyCompletionTime StudyReadDate StudyReadTime
    StudyVerifiedDate StudyVerifiedTime
"""
_IMAGES = """
    AcquisitionDate AcquisitionDateTime AcquisitionTime ContentDate ContentTime ContributionDateTime
    CurveDate CurveTime DateOfSecondaryCapture DecayCorrectionDateTime EndAcquisitionDateTime
    ExclusionStartDateTime FrameAcquisitionDateTime FrameReferenceDateTime FunctionalSyncPulse
    ImpedanceMeasurementDateTime InstanceCreationDate InstanceCreationTime OverlayDate OverlayTime
    PresentationCreationDate PresentationCreationTime SeriesDate SeriesTime SourceEndDateTime
    SourceStartDateTime StartAcquisitionDateTime StudyDate StudyTime TimeOfSecondaryCapture
"""
_ADMINISTRATION = """
    ContrastBolusStartTime ContrastBolusStopTime InstructionPerformedDateTime
    InterventionDrugStartTime InterventionDrugStopTime RadiopharmaceuticalStartDateTime
    RadiopharmaceuticalStartTime RadiopharmaceuticalStopDateTime RadiopharmaceuticalStopTime
    SubstanceAdministrationDateTime
"""
_REPORT = """
    FindingsGroupRecordingDateTrial FindingsGroupRecordingTimeTrial InterpretationApprovalDate
    InterpretationApprovalTime InterpretationRecordedDate InterpretationRecordedTime
    InterpretationTranscriptionDate InterpretationTranscriptionTime ObservationDateTime
    ObservationDateTrial ObservationStartDateTime ObservationTimeTrial ParticipationDateTime
    ReferencedDateTime VerificationDateTime
"""
_TREATMENT = """
    BeamHoldTransitionDateTime FirstTreatmentDate IntendedPhaseEndDate IntendedPhaseStartDate
    InterlockDateTime MostRecentTreatmentDate OverrideDateTime ROIDateTime ROIObservationDateTime
    RTPlanDate RTPlanTime RecordedRTControlPointDateTime ReviewDate ReviewTime SafePositionExitDate
    SafePositionExitTime SafePositionReturnDate SafePositionReturnTime StructureSetDate
    StructureSetTime TreatmentControlPointDate TreatmentControlPointTime TreatmentDate
    TreatmentTime TreatmentToleranceViolationDateTime
"""
SHIFTED_MOMENTS = frozenset(
    f"{_VISIT}{_ORDER_AND_STEPS}{_IMAGES}{_ADMINISTRATION}{_REPORT}{_TREATMENT}".split()
)
# The values of content items: what they are is said by the item's concept.
CONTENT_MOMENTS = frozenset({"Date", "DateTime", "Time"})
# PS3.16 Annex D and its templates; dates of equipment, of versions and what is not known are not.
SHIFTED_CONCEPTS = frozenset(
    {
        ("111018", "DCM"),  # Content Date
        ("111019", "DCM"),  # Content Time
        ("111054", "DCM"),  # Recommended Follow-up Date
        ("111060", "DCM"),  # Study Date
        ("111061", "DCM"),  # Study Time
        ("111469", "DCM"),  # Sampling DateTime
        ("111526", "DCM"),  # DateTime Started
        ("111527", "DCM"),  # DateTime Ended
        ("111702", "DCM"),  # DateTime of processing
        ("121125", "DCM"),  # DateTime of Recording of Log Entry
        ("122105", "DCM"),  # DateTime of Intervention
        ("122146", "DCM"),  # Procedure DateTime
        ("122163", "DCM"),  # Discharge DateTime
        ("122173", "DCM"),  # ST Elevation Onset DateTime
        ("122712", "DCM"),  # Imaging Start DateTime
        ("123003", "DCM"),  # Radiopharmaceutical Start DateTime
        ("123004", "DCM"),  # Radiopharmaceutical Stop DateTime
        ("126201", "DCM"),  # Acquisition Date
        ("126202", "DCM"),  # Acquisition Time
        ("127857", "DCM"),  # Glucose Measurement Date
        ("127858", "DCM"),  # Glucose Measurement Time
        ("130215", "DCM"),  # Adverse Event Detection DateTime
        ("130235", "DCM"),  # Injector Event Detection DateTime
        ("11778-8", "LN"),  # EDD
        ("11779-6", "LN"),  # EDD from LMP
        ("11780-4", "LN"),  # EDD from ovulation date
        ("11781-2", "LN"),  # EDD from average ultrasound age
        ("11976-8", "LN"),  # Ovulation date
        ("33066-2", "LN"),  # Estimated LMP by EDD
        ("33067-0", "LN"),  # Conception Date
        ("8665-2", "LN"),  # LMP
        ("398164008", "SCT"),  # Anesthesia finish time
        ("398325003", "SCT"),  # Anesthesia start time
    }
)
