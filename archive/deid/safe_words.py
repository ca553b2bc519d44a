"""Words of technique and anatomy that may stay in a description: all others go.

What is on the list names no person, or would have to be the patient's own name, which is looked
for before.
"""

from __future__ import annotations

import re
import unicodedata

# English, German and Spanish, without accents.
_WORDS = """
    abd abdomen abdominal above achse acute adc adrenal and angio angiogram angiography angled
    ankle ant anterior aorta aortic ap apex arch arm arteria arterial arterie arteriell arteries
    artery asl atrial attenuation auge augen aus average ax axial axiale axilla back base becken
    bein below biliary bis bladder blade blase blood body bolus bone bones bowel brain brazo
    breast bronchus brust bypass cabeza cadera calf calibration cara cardiac care carotid cavity
    cbct cerebral cerebro cervical cest chest cine clavicle codo coeff coil colon columna
    combined con contrast contraste cor corazon coronal coronary corrected correction craneo ct
    cta ctp cube cuello cut cystic darm decubitus deformity delay delayed density der derecha
    derecho derived dicom die diffusion digital dir distal dixon dose dsa dti dual duct dunn dwi
    dyn dynamic early ecg echo elbow ellenbogen enhanced epi epigastric esophagus ethmoid exam
    expiration ext extremity face facial fast fat fatsat fe femoral femur fetal fett field
    fiesta finger fixed flair flash flow fluid fluoro fmri follow foot for forearm four fov
    frontal full fusion fuss gad gadolinium gated gating gefasse gehirn gelenk gland gradient
    gre groin hals halswirbelsaule hand haste head heart hepatic herz higado high hip hires hirn
    hirnschadel hombro hueso huft hufte humerus hws iac iliac im image images imaging implant
    in inf inferior inhale inner inspiration intra inv inversion isotropic iv ivp izquierda
    izquierdo joint kernel kidney kidneys kiefer km knee knie knochen kontrast kontrastmittel
    kopf koronar kub large lat late lateral leber left leg lendenwirbelsaule limb limited links
    liver loc localizer lower lumbar lung lunge lungs lv lws lymphknoten magen magnetization
    main mama mamma mammo mammogram mandible mano map mask max maxilla mean medial mediastinum
    milz min minimum mip mit mm mono motion mp2rage mpr mprage mr mra mrcp mri mrs mrv multi
    muneca muscle myelo myocardial nach nasal nase nasennebenhohlen nativ native nebennieren
    neck nerve neurokranium niere nieren nm nnh non noncontrast nuclear oberarm oberbauch
    oberschenkel obl oblicua oblique occipital of ohne optic or oral orbit orbita orbits outer
    pa pancreas pankreas parallel parametric paranasal parathyroid parotid patella pc pd pelvic
    pelvica pelvis perf perfusion pet petct petrous phase pie pierna pituitary plain plane
    planes pleural plus portable portal post posterior pre prone prostate protocol proton
    proximal pulmon pulmonary pulmones pv qsm quantitative radial radiograph radius raw rechts
    recon reconstruction reformat renal resolution rest resting retro rib ribs right rodilla
    routine rv sacral sacrum sag sagital sagittal saturation scan scanogram scapula schadel
    schilddruse schulter scout screening se segment segmentation segments sella senos seq
    sequence series shoulder sin single sinus sinuses skull slab slice slices small soft space
    spc spect spectral spectroscopy spgr spin spine spleen spoiled sprunggelenk ssfse standard
    standing stereo sternum stir stomach stress structural study sub subtraction sup superior
    supine survey susceptibility swi tap temporal tendon test testis tfe the thick thigh thin
    thoracic thorax three thyroid tibia time tir tirm tissue to tobillo tof tomo tomosynthesis
    torax torso tra trace trachea tracking transversal transverse trauma trufi tse turbo two
    ubersicht ultrasound und unenhanced unterarm unterschenkel upper upright ureter urinary us
    uterus vascular veins vejiga vena vendos venos venosa venose venous ventricle vert vertebra
    vessel vessels vibe view views virtual volume von vor w warp water wb weichteil
    weightbearing weighted whole window wirbelsaule with without wo wrist xr xray y zu
"""
_SAFE_WORDS = frozenset(_WORDS.split())
# Weightings, dimensions, measures: t1w, 3d, 5mm, 1.5t, b1000, 120kv, c7, l5/s1.
_TECHNIQUE = re.compile(
    r"t[12](w|wi|star)?|[1234]d|\d{1,3}(\.\d{1,3})?(mm|cm|ms|t|kv|kvp|hz|mhz|mgy|s|sec|min|deg)"
    r"|b\d{1,4}|[ctls]\d{1,2}|te\d{1,3}|tr\d{1,4}|pd(w|fs)?|fs|ms|ir|ct|mr",
    re.ASCII,
)
_TOKEN = re.compile(r"[^\W_]+(?:\.\d+[a-z]*)?")


def safe_words(text: str, words: frozenset[str]) -> str:
    """Return the words of a description that may stay, in their order.

    Parameters
    ----------
    text
        as it stands in the data set
    words
        that name somebody, of `archive.deid.identifiers.identifying_words`

    References
    ----------
    DICOM PS3.15 E.3.5, note 2
    """
    kept = []
    for token in _TOKEN.findall(text):
        plain = _plain(token)
        if plain in words:
            continue
        if plain in _SAFE_WORDS or _TECHNIQUE.fullmatch(plain):
            kept.append(token)
    return " ".join(kept)


def _plain(token: str) -> str:
    split = unicodedata.normalize("NFKD", token.casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))
