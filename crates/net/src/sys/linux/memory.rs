//! Large tables in large pages (madvise(2), MADV_HUGEPAGE): an access to one in any order then
//! seldom has to look for its page first, and there are five hundred times fewer pages to fault in.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// Bytes of a large page.
const PAGE_BYTES: usize = 2 << 20;

/// Smaller blocks gain less by large pages than the end of the last page costs.
const LEAST_BYTES: usize = 4 * PAGE_BYTES;

/// The system's allocator, but for blocks of about 8 MiB and more: those are mapped by themselves,
/// and ask for large pages.
#[derive(Debug)]
pub struct Memory;

/// The length of a mapping for that many bytes, in whole large pages; `None` if the system's
/// allocator is to have them.
fn mapped_bytes(layout: Layout) -> Option<usize> {
    let bytes = layout.size().checked_next_multiple_of(PAGE_BYTES);
    bytes.filter(|bytes| *bytes >= LEAST_BYTES && layout.align() <= PAGE_BYTES)
}

// SAFETY: each block comes from one of two sources, and the layout alone, which a caller has to
// give back unchanged, says from which; a block of ours is a mapping of its own, zero at first,
// that begins at a multiple of PAGE_BYTES, is no shorter than asked for, and is unmapped whole.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match mapped_bytes(layout) {
            Some(bytes) => map(bytes),
            // SAFETY: the caller's layout goes on as it is.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match mapped_bytes(layout) {
            Some(bytes) => map(bytes),
            // SAFETY: as above.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match mapped_bytes(layout) {
            // SAFETY: by its layout the block is one of map's, of that length.
            Some(bytes) => unsafe {
                libc::munmap(block.cast(), bytes);
            },
            // SAFETY: by its layout the block is the system's.
            None => unsafe { System.dealloc(block, layout) },
        }
    }
}

/// Maps that many bytes, a multiple of [`PAGE_BYTES`], at such a multiple; null if there are none.
fn map(bytes: usize) -> *mut u8 {
    let Some(room) = bytes.checked_add(PAGE_BYTES) else { return ptr::null_mut() };
    let (rights, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping of nobody's memory; what does not begin at a multiple is cut off at
    // both ends of it, within its bounds.
    unsafe {
        let start = libc::mmap(ptr::null_mut(), room, rights, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return ptr::null_mut();
        }
        let before = start.align_offset(PAGE_BYTES).min(PAGE_BYTES);
        let block = start.byte_add(before);
        if before > 0 {
            libc::munmap(start, before);
        }
        if before < PAGE_BYTES {
            libc::munmap(block.byte_add(bytes), PAGE_BYTES - before);
        }
        // Without large pages it is as good as before.
        libc::madvise(block, bytes, libc::MADV_HUGEPAGE);
        block.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_blocks_are_aligned_zero_and_freed() {
        for bytes in [PAGE_BYTES, LEAST_BYTES - 1, LEAST_BYTES, LEAST_BYTES + 5] {
            let layout = Layout::from_size_align(bytes, 8).expect("a layout");
            // SAFETY: the layout is not empty; the block is used within it and given back by it.
            unsafe {
                let block = Memory.alloc_zeroed(layout);
                assert!(!block.is_null());
                assert_eq!(block.align_offset(8), 0);
                assert!(bytes == PAGE_BYTES || block.align_offset(PAGE_BYTES) == 0);
                for at in [0, bytes / 2, bytes - 1] {
                    assert_eq!(*block.add(at), 0);
                    *block.add(at) = 7;
                }
                let grown = Memory.realloc(block, layout, 2 * bytes);
                assert_eq!([*grown, *grown.add(bytes - 1)], [7, 7]);
                let layout = Layout::from_size_align(2 * bytes, 8).expect("a layout");
                Memory.dealloc(grown, layout);
            }
        }
        let layout = Layout::from_size_align(isize::MAX as usize / 2, 1).expect("a layout");
        // SAFETY: the layout is not empty.
        assert!(unsafe { Memory.alloc(layout) }.is_null(), "there is not that much");
    }
}
