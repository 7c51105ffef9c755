//! Registers of a HyperLogLog: for each of many parts of all hashes, how rare the rarest hash there is. Only registers are kept, so what is merged knows nothing of its
//! order; the number is told by the estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284), section 4,
//! which needs neither a correction of small numbers nor of large ones.

use sha2::{Digest, Sha256};

use super::bytes::{Reader, write};

/// Bits of a hash that say which register it is for.
const BITS: u32 = 14;

/// Registers.
const REGISTERS: usize = 1 << BITS;

/// The rarest that a hash can be: all bits that are left are zero.
const RAREST: usize = 64 - BITS as usize + 1;

/// The standard error of an estimate, as a share of it: 1.04 divided by the root of the number of registers.
pub const STANDARD_ERROR: f64 = 0.008_125;

/// Most registers that are written one by one: with more the fixed form, of six bits for each of all, is shorter.
const FEW: usize = 4_096;

/// Bytes of the fixed form: four registers in three bytes.
const PACKED: usize = REGISTERS / 4 * 3;

/// The two forms of the bytes.
const SPARSE: u8 = 1;
const DENSE: u8 = 2;

/// For each register how rare the rarest hash is, from 1; 0 where there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers(Known);

/// Few registers take little room.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// Those that are not 0, in their order.
    Few(Vec<(u16, u8)>),
    /// All, of which more than [`FEW`] are not 0.
    All(Vec<u8>),
}

impl Default for Registers {
    fn default() -> Self {
        Self(Known::Few(Vec::new()))
    }
}

/// The hash of a value by its one text. What senders choose they can't choose so that it is counted wrongly, as they can with hashes that are only fast.
pub(super) fn hash_of(text: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let (first, _) = digest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first)
}

impl Registers {
    pub(super) fn add(&mut self, hash: u64) {
        // The highest bits say which register; of the others counts how many zeros come first.
        let register = u16::try_from(hash >> (64 - BITS)).unwrap_or(u16::MAX);
        let zeros = ((hash << BITS) | ((1 << BITS) - 1)).leading_zeros();
        self.raise(register, u8::try_from(zeros + 1).unwrap_or(u8::MAX));
    }

    fn raise(&mut self, register: u16, rank: u8) {
        match &mut self.0 {
            Known::All(all) => {
                if let Some(known) = all.get_mut(usize::from(register)) {
                    *known = (*known).max(rank);
                }
            }
            Known::Few(few) => match few.binary_search_by_key(&register, |(known, _)| *known) {
                Ok(place) => {
                    if let Some((_, known)) = few.get_mut(place) {
                        *known = (*known).max(rank);
                    }
                }
                Err(place) => {
                    few.insert(place, (register, rank));
                    self.spread();
                }
            },
        }
    }

    /// Takes the other form once there are more than few.
    fn spread(&mut self) {
        if let Known::Few(few) = &self.0
            && few.len() > FEW
        {
            let mut all = vec![0; REGISTERS];
            for (register, rank) in few {
                if let Some(known) = all.get_mut(usize::from(*register)) {
                    *known = *rank;
                }
            }
            self.0 = Known::All(all);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Known::All(mine), Known::All(theirs)) => {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine = (*mine).max(*theirs);
                }
            }
            (Known::Few(mine), Known::Few(theirs)) => {
                *mine = both(mine, theirs);
                self.spread();
            }
            (Known::All(_), Known::Few(few)) => {
                for (register, rank) in few {
                    self.raise(*register, *rank);
                }
            }
            (Known::Few(_), Known::All(_)) => {
                let few = std::mem::replace(self, other.clone());
                self.merge(&few);
            }
        }
    }

    /// How many different values there are, within [`STANDARD_ERROR`].
    #[must_use]
    pub fn estimate(&self) -> i64 {
        let mut counts = [0.0; RAREST + 1];
        let mut count = |rank: u8, registers: f64| {
            if let Some(known) = counts.get_mut(usize::from(rank)) {
                *known += registers;
            }
        };
        match &self.0 {
            Known::All(all) => all.iter().for_each(|rank| count(*rank, 1.0)),
            Known::Few(few) => {
                few.iter().for_each(|(_, rank)| count(*rank, 1.0));
                count(0, whole(REGISTERS - few.len()));
            }
        }
        let all = whole(REGISTERS);
        let [none, between @ .., rarest] = counts;
        let mut sum = all * tau(1.0 - rarest / all);
        for registers in between.iter().rev() {
            sum = 0.5 * (sum + registers);
        }
        sum += all * sigma(none / all);
        let estimate = ALPHA * all * all / sum;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "2^64 hashes are no more than it holds, and more is the most"
        )]
        let rounded = estimate.round() as i64;
        rounded
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Known::Few(few) => {
                let mut out = vec![SPARSE];
                let mut next = 0;
                for (register, rank) in few {
                    write(&mut out, u64::from(register - next));
                    out.push(*rank);
                    next = *register;
                }
                out
            }
            Known::All(all) => {
                let mut out = Vec::with_capacity(1 + PACKED);
                out.push(DENSE);
                for four in all.chunks_exact(4) {
                    let bits = four.iter().fold(0_u32, |bits, rank| bits << 6 | u32::from(*rank));
                    out.extend_from_slice(&bits.to_be_bytes()[1..]);
                }
                out
            }
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        match reader.byte()? {
            SPARSE => {
                let (mut few, mut next) = (Vec::new(), 0);
                while !reader.0.is_empty() {
                    next += reader.number()?;
                    let register = u16::try_from(next)
                        .ok()
                        .filter(|register| usize::from(*register) < REGISTERS)?;
                    few.push((register, reader.byte()?));
                }
                let mut registers = Self(Known::Few(few));
                registers.spread();
                Some(registers)
            }
            DENSE if reader.0.len() == PACKED => {
                let mut all = Vec::with_capacity(REGISTERS);
                for three in reader.0.chunks_exact(3) {
                    let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
                    all.extend([18, 12, 6, 0].map(|shift| (bits >> shift).to_le_bytes()[0] & 0x3f));
                }
                Some(Self(Known::All(all)))
            }
            _ => None,
        }
    }
}

/// The larger of each register of two lists in their order.
fn both(mine: &[(u16, u8)], theirs: &[(u16, u8)]) -> Vec<(u16, u8)> {
    let mut merged = Vec::with_capacity(mine.len() + theirs.len());
    let (mut mine, mut theirs) = (mine.iter().copied().peekable(), theirs.iter().copied().peekable());
    loop {
        match (mine.peek().copied(), theirs.peek().copied()) {
            (Some(one), Some(other)) if one.0 == other.0 => {
                merged.push((one.0, one.1.max(other.1)));
                mine.next();
                theirs.next();
            }
            (Some(one), Some(other)) if one.0 < other.0 => {
                merged.push(one);
                mine.next();
            }
            (_, Some(other)) => {
                merged.push(other);
                theirs.next();
            }
            (Some(one), None) => {
                merged.push(one);
                mine.next();
            }
            (None, None) => return merged,
        }
    }
}

/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// σ(x) = x + Σ x^(2^k) 2^(k - 1), of the share of registers that are 0.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum <= before {
            return sum;
        }
    }
}

/// τ(x) = (1 - x - Σ (1 - x^(2^-k))² 2^-k) / 3, of the share of registers that are not at their highest.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "registers are few")]
const fn whole(registers: usize) -> f64 {
    registers as f64
}
