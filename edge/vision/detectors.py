"""Opens the detectors that the settings name."""

from collections.abc import Sequence

from edge.errors import ModelError
from edge.records import Box, Detection, Gray
from edge.settings.schema import Settings
from edge.vision.blazeface import BlazeFaceDetector, find_models
from edge.vision.detector import Detector
from edge.vision.haar import HaarDetector, new_haar_scanner
from edge.vision.yunet import YuNetDetector

SAME_FACE_IOU = 0.3
"""IoU from which two boxes are the same face."""

CASCADE_EVERY = 3
"""The cascade takes part in one of so many scans of a region: it costs five times as much as the net.

Source: in a drawn scene of eight people who enter, with faces of 120, 72 and 54 px, 2, 3 and 4 find them equally soon.
"""

PORTRAIT = 0.75
"""Size of the face that a portrait is expected to show, as a share of the image's shorter side."""

BORDER = 0.5
"""Border that is added to a still image on each side for another scan, as a share of the side: nets miss a face that
fills the image."""

AGREEING = 2
"""Number of searches that propose the same face from which a lower score confirms it."""

PORTRAIT_SIZES = (0.3, 1.7)
SIZES = (0.6, 1.6)
"""Smallest and largest size of a face, as multiples of the expected portrait, and of the proposed face."""

TURNS_DEG = (35.0, -35.0)
"""Turns in which a portrait is looked for again if an image shows no face, degrees."""


def detection_method(settings: Settings) -> str:
    """Return the method in use: `haar`, `blazeface` or `yunet`; `auto` is BlazeFace if it is installed, else Haar."""
    if settings.detect.method != "auto":
        return settings.detect.method
    try:
        find_models()
    except ModelError:
        return "haar"
    return "blazeface"


def open_scanner(settings: Settings, *, is_still_images: bool, looker: Detector | None = None) -> Detector:
    """Open the detector that finds new faces in a stream, or all faces of a still image.

    Args:
        settings: all settings.
        is_still_images: whether it will scan still images.
        looker: the detector of another thread, from `open_looker`, to share memory with; None if there is none.

    Raises:
        ConfigError: the cascade or YuNet's model cannot be used.
        ModelError: BlazeFace's models cannot be used.
    """
    net = _open_net(settings, scans=True, looker=looker)
    cascade = HaarDetector(settings.detect) if is_still_images else new_haar_scanner(settings.detect, settings.scan)
    if net is None:
        return cascade
    return StillImageScanner(net, cascade) if is_still_images else StreamScanner(net, cascade)


def open_looker(settings: Settings) -> Detector:
    """Open the detector that looks for known faces, and confirms new ones.

    Raises:
        ConfigError: the cascade or YuNet's model cannot be used.
        ModelError: BlazeFace's models cannot be used.
    """
    return _open_net(settings, scans=False) or HaarDetector(settings.detect)


def _open_net(settings: Settings, *, scans: bool, looker: Detector | None = None) -> Detector | None:
    """Open the net that the settings name; None if it is the cascade."""
    method = detection_method(settings)
    if method == "blazeface":
        shares = looker if isinstance(looker, BlazeFaceDetector) else None
        return BlazeFaceDetector(package=settings.model.interpreter, scans=scans, shares=shares)
    return YuNetDetector(settings.detect.yunet_model) if method == "yunet" else None


class StreamScanner(Detector):
    """Finds new faces in a stream: a net finds turned ones, a cascade small ones.

    A region that is too large for the net is scanned in tiles later, by the net alone.
    """

    def __init__(self, net: Detector, cascade: Detector) -> None:
        """Combine two detectors.

        Args:
            net: scans every region, and looks for known faces.
            cascade: scans the regions that are no tiles.
        """
        self._net = net
        self._cascade = cascade
        self.tile_px, self.sure_score = net.tile_px, net.sure_score
        self._counts = {"region": 0, "image": 0}

    def scan(self, gray: Gray, *, region: Box | None = None) -> list[Detection]:
        """See `Detector.scan`."""
        found = self._net.scan(gray, region=region)
        if region is not None and max(region.w, region.h) == self.tile_px:
            return found
        kind = "image" if region is None else "region"
        if self._counts[kind] % CASCADE_EVERY == 0:
            found += [other for other in self._cascade.scan(gray, region=region) if not _is_known(other, found)]
        self._counts[kind] += 1
        return found

    def look(
        self, gray: Gray, near: Box, *, margin: float, sizes: tuple[float, float], roll_deg: float, is_new: bool
    ) -> list[Detection]:
        """See `Detector.look`."""
        return self._net.look(gray, near, margin=margin, sizes=sizes, roll_deg=roll_deg, is_new=is_new)


class StillImageScanner(StreamScanner):
    """Finds all faces of a still image: a cascade and a net propose them, and a look of the net confirms each."""

    def scan(self, gray: Gray, *, region: Box | None = None) -> list[Detection]:
        """See `Detector.scan`."""
        height, width = gray.shape
        part = Box(0, 0, width, height) if region is None else region
        proposed = [
            *self._look_at_portrait(gray, part, roll_deg=0.0),
            *self._net.scan(gray, region=part.expanded(1 + 2 * BORDER)),
            *self._net.scan(gray, region=part),
            *self._cascade.scan(gray, region=region),
        ]
        found = self._confirm(gray, proposed)
        for roll_deg in () if found else TURNS_DEG:
            found = found or self._confirm(gray, self._look_at_portrait(gray, part, roll_deg=roll_deg))
        return sorted(found, key=lambda detection: detection.box.area, reverse=True)

    def _look_at_portrait(self, gray: Gray, part: Box, *, roll_deg: float) -> list[Detection]:
        """Return the face that fills most of the image, if there is one."""
        side = round(PORTRAIT * min(part.w, part.h))
        x, y = part.center
        portrait = Box(round(x - side / 2), round(y - side / 2), side, side)
        return self.look(gray, portrait, margin=0.5, sizes=PORTRAIT_SIZES, roll_deg=roll_deg, is_new=False)

    def _confirm(self, gray: Gray, proposed: list[Detection]) -> list[Detection]:
        """Return the proposed faces that a look finds as well, each once."""
        found: list[Detection] = []
        for detection in proposed:
            if _is_known(detection, found):
                continue
            is_new = sum(detection.box.iou(other.box) >= SAME_FACE_IOU for other in proposed) < AGREEING
            roll_deg = detection.roll_deg or 0.0
            confirmed = self.look(gray, detection.box, margin=0.5, sizes=SIZES, roll_deg=roll_deg, is_new=is_new)
            if confirmed and not _is_known(confirmed[0], found):
                found.append(confirmed[0])
        return found


def _is_known(detection: Detection, found: Sequence[Detection]) -> bool:
    return any(detection.box.iou(other.box) >= SAME_FACE_IOU for other in found)
