"""What the tests of the edge share. They run under either interpreter package."""

import os
from pathlib import Path

import cv2
import pytest

from edge.manifest import read_model
from edge.settings import DetectSettings
from edge.shipped import SHIPPED_MODEL
from edge.sources.opencv import quiet_opencv
from edge.vision.classify import EmotionClassifier
from edge.vision.detect import HaarDetector

PACKAGE = os.environ.get("EDGE_EMOTION_INTERPRETER", "auto")


@pytest.fixture(scope="session", autouse=True)
def _opencv():
    """One thread, and FFmpeg silenced before its first use: it reads the level only then."""
    cv2.setNumThreads(1)
    quiet_opencv()


@pytest.fixture(scope="session")
def interpreter_package():
    """Which interpreter package this test run is for."""
    return PACKAGE


@pytest.fixture
def classifier():
    """The model that ships, in the interpreter under test."""
    return EmotionClassifier(*read_model(SHIPPED_MODEL), package=PACKAGE)


@pytest.fixture
def detector():
    return HaarDetector(DetectSettings())


@pytest.fixture(scope="session")
def demo_clip():
    return Path(__file__).parents[2] / "edge" / "assets" / "demo.mp4"
