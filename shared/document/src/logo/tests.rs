use png::{BitDepth, ColorType, Encoder};

use super::{Logo, MAX_LOGO_BYTES, MAX_LOGO_PIXELS, SIGNATURE};
use crate::ThemeError;

/// A grey picture.
fn picture(width: u32, height: u32, depth: BitDepth) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, width, height);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(depth);
    let bytes = if depth == BitDepth::Sixteen { 2 } else { 1 };
    let pixels = vec![0x77; width as usize * height as usize * bytes];
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    png
}

/// A file with another size in its header, and the check sum that belongs to it.
fn sized(width: u32, height: u32) -> Vec<u8> {
    let mut file = picture(1, 1, BitDepth::Eight);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&sum.to_be_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn a_logo_is_pixels_and_nothing_else() {
    for depth in [BitDepth::Eight, BitDepth::Sixteen] {
        let logo = Logo::new(&picture(30, 10, depth)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(logo.png())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height, frame.bit_depth), (30, 10, BitDepth::Eight));
        assert!(pixels.chunks(2).all(|pixel| pixel == [0x77, 0xff]), "grey and opaque");
        assert_eq!(Logo::new(logo.png()).unwrap(), logo);
    }
}

#[test]
fn what_is_no_whole_picture_is_refused() {
    let whole = picture(30, 10, BitDepth::Eight);
    for (bytes, expected) in [
        (vec![b' '; MAX_LOGO_BYTES + 1], ThemeError::Bytes(MAX_LOGO_BYTES + 1)),
        (b"GIF89a".to_vec(), ThemeError::Kind),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), ThemeError::Kind),
        (
            sized(10, MAX_LOGO_PIXELS + 1),
            ThemeError::Pixels(10, MAX_LOGO_PIXELS + 1),
        ),
    ] {
        assert_eq!(Logo::new(&bytes), Err(expected));
    }
    for broken in [
        SIGNATURE.to_vec(),
        whole[..whole.len() / 2].to_vec(),
        sized(20, 20),
        sized(0, 10),
        [&whole[..20], &[0xff], &whole[21..]].concat(),
    ] {
        let error = Logo::new(&broken).unwrap_err().to_string();
        assert!(error.starts_with("the logo is broken: "), "{error}");
    }
}
