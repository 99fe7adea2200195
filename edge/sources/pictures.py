"""Pictures on disk."""
from pathlib import Path

def find_pictures(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in {".png",".jpg",".jpeg",".webp",".bmp"} and path.is_file())
