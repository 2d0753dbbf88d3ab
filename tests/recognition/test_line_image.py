import numpy as np

from digitocr.recognition.line_image import COLUMN, LINE_HEIGHT, line_image, used_columns


def crop(height=50, width=130, paper=200, ink=60):
    image = np.full((height, width), paper, np.uint8)
    image[15:35, 40:50] = ink
    return image


def test_paper_is_0_and_ink_is_1():
    line = line_image(crop())
    assert line.dtype == np.float32
    assert line.shape[0] == LINE_HEIGHT
    assert line.shape[1] % 16 == 0
    assert abs(line[2, 2]) < 0.05
    assert 0.9 < line[16, 28] < 1.1


def test_light_on_dark_comes_out_as_dark_on_light():
    np.testing.assert_allclose(line_image(crop()), line_image(255 - crop()), atol=0.02)


def test_contrast_and_brightness_don_t_matter():
    np.testing.assert_allclose(line_image(crop()), line_image(crop(paper=140, ink=80)), atol=0.03)


def test_an_empty_line_stays_faint():
    rng = np.random.default_rng(0)
    noise = rng.normal(180, 2, (40, 200)).clip(0, 255).astype(np.uint8)
    assert np.abs(line_image(noise)).max() < 0.4


def test_columns_beyond_the_crop_are_padding():
    columns = used_columns(50, 130)
    assert columns == -(-round(130 * LINE_HEIGHT / 50) // COLUMN)
    assert np.all(line_image(crop())[:, columns * COLUMN :] == 0)


def test_a_crop_of_one_pixel_is_a_line():
    assert line_image(np.zeros((1, 1), np.uint8)).shape[0] == LINE_HEIGHT
