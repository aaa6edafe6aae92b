from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps
from torchvision import tv_tensors

from retinue.api import read_image
from retinue.errors import DataError

ORIENTATION = 0x0112
RAMP = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], -1)


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **options: object) -> Path:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def pixels(path: Path, channels: int = 3) -> np.ndarray:
    return read_image(path, channels).permute(1, 2, 0).numpy()


def write_png16(path: Path, colour_type: int, values: np.ndarray) -> Path:
    """Write what Pillow does not: a PNG of 16 bits and several channels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@pytest.mark.parametrize("suffix", ["PNG", "bmp", "ppm", "tif", "TIFF"])
def test_rgb_is_as_in_the_file(tmp_path, suffix):
    image = read_image(save(tmp_path / f"x.{suffix}", COLOURS))
    assert isinstance(image, tv_tensors.Image)
    assert image.dtype == torch.uint8
    assert image.shape == (3, 4, 6)
    np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), COLOURS)


def test_lossy_formats_are_near(tmp_path):
    smooth = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    for name in ("x.JPG", "x.jpeg", "x.webp"):
        assert np.abs(pixels(save(tmp_path / name, smooth)).astype(int) - smooth).max() <= 3


def test_path_may_be_a_string(tmp_path):
    assert read_image(str(save(tmp_path / "x.png", COLOURS))).shape == (3, 4, 6)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_grey_in_every_mode(tmp_path, mode):
    file = save(tmp_path / "x.png", RAMP, None if mode == "L" else mode)
    np.testing.assert_array_equal(pixels(file), np.stack([RAMP] * 3, -1))
    np.testing.assert_array_equal(pixels(file, 1)[..., 0], RAMP)


def test_one_bit(tmp_path):
    file = tmp_path / "x.png"
    Image.fromarray(RAMP > 100).save(file)
    np.testing.assert_array_equal(pixels(file, 1)[..., 0], np.where(RAMP > 100, 255, 0))


def test_palette_gives_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([1, 0])
    image.save(tmp_path / "x.png", transparency=0)
    assert pixels(tmp_path / "x.png").tolist() == [[[0, 0, 255], [255, 0, 0]]]


@pytest.mark.filterwarnings("error")
def test_palette_with_transparent_colours_costs_no_warning(tmp_path):
    file = save(tmp_path / "x.png", RAMP, "P", transparency=bytes(range(10)))
    np.testing.assert_array_equal(pixels(file), np.stack([RAMP] * 3, -1))


def test_colours_become_grey_by_their_luminance(tmp_path):
    expected = COLOURS @ np.array([0.299, 0.587, 0.114])
    assert np.abs(pixels(save(tmp_path / "x.png", COLOURS), 1)[..., 0] - expected).max() <= 1


def test_transparency_is_dropped(tmp_path):
    clear = np.dstack([COLOURS, np.zeros_like(RAMP)])
    np.testing.assert_array_equal(pixels(save(tmp_path / "x.png", clear)), COLOURS)


def test_cmyk(tmp_path):
    np.testing.assert_array_equal(pixels(save(tmp_path / "x.tif", COLOURS, "CMYK")), COLOURS)


def test_lab(tmp_path):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(RAMP).convert("RGB"), srgb, lab, outputMode="LAB")
    image.save(tmp_path / "x.tif")
    for channels in (1, 3):
        assert np.abs(pixels(tmp_path / "x.tif", channels).astype(int) - RAMP[..., None]).max() <= 2


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path, name, channels):
    file = save(tmp_path / name, RAMP.astype(np.uint16) * 256 + 77)
    np.testing.assert_array_equal(pixels(file, channels), np.stack([RAMP] * channels, -1))


@pytest.mark.parametrize(("limit", "shift"), [(65535, 0), (1023, 6)])
def test_pgm_of_more_than_eight_bits(tmp_path, limit, shift):
    values = RAMP.astype(np.uint16) * 256 >> shift
    (tmp_path / "x.pgm").write_bytes(b"P5 6 4 %d\n" % limit + values.astype(">u2").tobytes())
    assert np.abs(pixels(tmp_path / "x.pgm", 1)[..., 0].astype(int) - RAMP).max() <= 1


def test_sixteen_bit_colours_and_transparency(tmp_path):
    deep = COLOURS.astype(np.uint16) * 257
    np.testing.assert_array_equal(pixels(write_png16(tmp_path / "rgb.png", 2, deep)), COLOURS)
    grey = np.stack([deep[..., 0], np.full(RAMP.shape, 65535, np.uint16)], -1)
    np.testing.assert_array_equal(pixels(write_png16(tmp_path / "la.png", 4, grey), 1)[..., 0], RAMP)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda p: p),
        (2, np.fliplr),
        (3, lambda p: np.rot90(p, 2)),
        (4, np.flipud),
        (6, lambda p: np.rot90(p, -1)),
        (8, np.rot90),
    ],
)
def test_exif_turns(tmp_path, orientation, turn):
    file = save(tmp_path / "x.png", COLOURS, exif=turned(orientation))
    np.testing.assert_array_equal(pixels(file), turn(COLOURS))


def test_exif_turns_jpeg_and_sixteen_bit(tmp_path):
    assert read_image(save(tmp_path / "x.jpg", COLOURS, exif=turned(6))).shape == (3, 6, 4)
    file = save(tmp_path / "x.png", RAMP.astype(np.uint16) * 256, exif=turned(6))
    np.testing.assert_array_equal(pixels(file, 1)[..., 0], np.rot90(RAMP, -1))


@pytest.mark.parametrize(
    "exif",
    [b"garbage", b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\0ab\0\0\0\0\0\0"],
    ids=["no tiff", "orientation is text"],
)
def test_broken_exif_costs_no_picture(tmp_path, exif):
    assert read_image(save(tmp_path / "x.jpg", COLOURS, exif=b"Exif\0\0" + exif)).shape == (3, 4, 6)


KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "4:4:4": ("RGB", {"subsampling": 0}),
    "4:2:2": ("RGB", {"subsampling": 1}),
    "4:2:0": ("RGB", {"subsampling": 2}),
    "progressive": ("RGB", {"progressive": True}),
    "restarts": ("RGB", {"restart_marker_blocks": 2}),
    "kept as RGB": ("RGB", {"keep_rgb": True}),
    "grey": ("L", {}),
    "CMYK": ("CMYK", {}),
    "upright": ("RGB", {"exif": turned(1)}),
    "turned": ("RGB", {"exif": turned(6)}),
    "mirrored grey": ("L", {"exif": turned(2)}),
    "turned by XMP": ("RGB", {"xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="3"/>'}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_has_the_pixels_that_pillow_gives(tmp_path, kind, channels):
    mode, options = KINDS[kind]
    noise = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
    smooth = Image.fromarray(noise).resize((83, 61)).convert(mode)
    for quality in (50, 95):
        smooth.save(tmp_path / "x.jpg", quality=quality, **options)
        with Image.open(tmp_path / "x.jpg") as file:
            expected = np.array(ImageOps.exif_transpose(file).convert("RGB" if channels == 3 else "L"))
        np.testing.assert_array_equal(pixels(tmp_path / "x.jpg", channels).squeeze(), expected)


def test_ordinary_jpeg_is_decoded_without_pillow(tmp_path, monkeypatch):
    for mode in ("RGB", "L"):
        save(tmp_path / f"{mode}.jpg", COLOURS, mode, exif=turned(1))
    monkeypatch.setattr(Image.Image, "load", None)
    assert read_image(tmp_path / "RGB.jpg").shape == read_image(tmp_path / "L.jpg").shape == (3, 4, 6)
    assert read_image(tmp_path / "L.jpg", 1).shape == (1, 4, 6)


def test_jpeg_with_a_flaw_that_pillow_overlooks(tmp_path):
    file = save(tmp_path / "x.jpg", COLOURS)
    content = file.read_bytes()
    middle = content.index(b"\xff\xc0")
    file.write_bytes(content[:middle] + b"junk" + content[middle:])
    with Image.open(file) as opened:
        expected = np.array(opened)
    np.testing.assert_array_equal(pixels(file), expected)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP"])
def test_name_says_jpeg_and_content_does_not(tmp_path, form):
    Image.fromarray(COLOURS).save(tmp_path / "x.jpg", format=form, **({"lossless": True} if form == "WEBP" else {}))
    np.testing.assert_array_equal(pixels(tmp_path / "x.jpg"), COLOURS)


def test_jpeg_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError, match="cannot be read as a picture"):
        read_image(save(tmp_path / "x.jpg", COLOURS))


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert pixels(tmp_path / "x.gif")[0, 0].tolist() == [255, 0, 0]


def test_result_may_be_written_to(tmp_path):
    for channels in (1, 3):
        read_image(save(tmp_path / "x.png", RAMP), channels).fill_(0)


def test_missing(tmp_path):
    with pytest.raises(DataError, match=r"not\.png: no such file"):
        read_image(tmp_path / "not.png")


def test_folder(tmp_path):
    with pytest.raises(DataError, match="is a folder, not a picture"):
        read_image(tmp_path)


@pytest.mark.parametrize("content", [b"", b"<html></html>"])
def test_no_picture(tmp_path, content):
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "x.jpg")
    assert str(caught.value) == f"{tmp_path / 'x.jpg'}: is no picture in a format that Pillow reads"


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.bmp", "x.webp", "x.tif"])
def test_truncated(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = save(tmp_path / name, noise)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"{name}: (cannot be read as a|is no) picture"):
        read_image(file)


def test_damage_in_the_middle(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    file = save(tmp_path / "x.png", noise)
    start, first, second = file.read_bytes().split(b"IDAT", 2)
    file.write_bytes(start + b"IDAT" + first + b"\xfa\x15\xddu" + second)
    with pytest.raises(DataError, match=r"x\.png: cannot be read as a picture \(broken PNG file"):
        read_image(file)


@pytest.mark.parametrize("values", [RAMP.astype(np.float32) / 255, RAMP.astype(np.int32) * 1_000_000])
def test_values_without_a_range_are_refused_and_not_made_black_or_white(tmp_path, values):
    file = save(tmp_path / "x.tif", values)
    with pytest.raises(DataError, match="no fixed range; save it with 8 or 16 bits"):
        read_image(file)


@pytest.mark.parametrize(
    ("shortest_side", "size"),
    [(None, (96, 128)), (49, (96, 128)), (48, (48, 64)), (37, (48, 64)), (36, (36, 48)), (12, (12, 16)), (1, (12, 16))],
)
def test_a_jpeg_is_decoded_as_small_as_told(shortest_side: int | None, size: tuple[int, int], tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 96 * 128 * 3).reshape(96, 128, 3).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "ramp.jpg", quality=95)
    image = read_image(tmp_path / "ramp.jpg", shortest_side=shortest_side)
    assert image.shape == (3, *size)
    whole = read_image(tmp_path / "ramp.jpg").float()
    shrunk = torch.nn.functional.interpolate(whole[None], size, mode="area")[0]
    assert (image.float() - shrunk).abs().mean() < 2


def test_all_but_ordinary_jpegs_are_decoded_whole(tmp_path: Path) -> None:
    picture = Image.new("RGB", (128, 96), "red")
    picture.save(tmp_path / "red.png")
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    picture.save(tmp_path / "turned.jpg", exif=turned)
    assert read_image(tmp_path / "red.png", shortest_side=12).shape == (3, 96, 128)
    assert read_image(tmp_path / "turned.jpg", shortest_side=12).shape == (3, 128, 96)
