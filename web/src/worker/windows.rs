//! How much of each connection is under way: what `postMessage` has no notion of.

use super::link::{CREDIT, WINDOW};
use broker_core::sorted::SortedMap;
use bytes::Bytes;
use std::collections::VecDeque;

/// All connections of a worker. A frame is a list of slices.
#[derive(Default)]
pub struct Windows {
    open: SortedMap<u64, Window>,
}

#[derive(Default)]
struct Window {
    /// Bytes sent for which no credit came back.
    under_way: u64,
    /// Frames the window has no room for yet.
    waiting: VecDeque<Vec<Bytes>>,
    /// Close once all that waits is sent.
    closing: bool,
    /// Sizes of frames received and not taken yet.
    untaken: VecDeque<u64>,
    /// Bytes taken for which no credit was given back yet.
    owed: u64,
}

/// What may leave now on a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// Frames, in order.
    pub frames: Vec<Vec<Bytes>>,
    /// Then close it.
    pub close: bool,
}

impl Windows {
    /// A connection begins.
    pub fn open(&mut self, connection: u64) {
        self.open.insert(connection, Window::default());
    }

    /// True while neither side closed it.
    pub fn is_open(&self, connection: u64) -> bool {
        self.open.get(&connection).is_some_and(|window| !window.closing)
    }

    /// The program sends a frame.
    pub fn send(&mut self, connection: u64, frame: Vec<Bytes>) -> Leaving {
        if let Some(window) = self.open.get_mut(&connection)
            && !window.closing
        {
            window.waiting.push_back(frame);
        }
        self.leaving(connection)
    }

    /// The peer took so many bytes.
    pub fn credit(&mut self, connection: u64, bytes: u64) -> Leaving {
        if let Some(window) = self.open.get_mut(&connection) {
            window.under_way = window.under_way.saturating_sub(bytes);
        }
        self.leaving(connection)
    }

    /// The program closes the connection.
    pub fn close(&mut self, connection: u64) -> Leaving {
        if let Some(window) = self.open.get_mut(&connection) {
            window.closing = true;
        }
        self.leaving(connection)
    }

    /// The peer closed it.
    pub fn closed(&mut self, connection: u64) {
        self.open.remove(&connection);
    }

    /// A frame came.
    pub fn received(&mut self, connection: u64, bytes: u64) {
        if let Some(window) = self.open.get_mut(&connection) {
            window.untaken.push_back(bytes);
        }
    }

    /// The program took the oldest frame it had not taken; how many bytes to give back now, if any.
    pub fn taken(&mut self, connection: u64) -> Option<u64> {
        let window = self.open.get_mut(&connection)?;
        window.owed += window.untaken.pop_front()?;
        (window.owed >= CREDIT).then(|| std::mem::take(&mut window.owed))
    }

    fn leaving(&mut self, connection: u64) -> Leaving {
        let mut leaving = Leaving::default();
        let Some(window) = self.open.get_mut(&connection) else { return leaving };
        while let Some(frame) = window.waiting.front() {
            let bytes: u64 = frame.iter().map(|slice| slice.len() as u64).sum();
            if window.under_way >= CREDIT && window.under_way + bytes > WINDOW {
                return leaving;
            }
            window.under_way += bytes;
            leaving.frames.extend(window.waiting.pop_front());
        }
        if window.closing {
            leaving.close = true;
            self.open.remove(&connection);
        }
        leaving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Vec<Bytes> {
        vec![Bytes::from(vec![0; bytes])]
    }

    #[test]
    fn a_window_or_one_frame_is_under_way() {
        let mut windows = Windows::default();
        windows.open(1);
        assert_eq!(windows.send(1, frame(3_000_000)).frames.len(), 1, "one frame may be larger");
        assert_eq!(windows.send(1, frame(1)).frames.len(), 0);
        assert_eq!(windows.send(1, frame(1_000_000)).frames.len(), 0);
        assert_eq!(windows.send(1, frame(100_000)).frames.len(), 0);
        assert_eq!(windows.credit(1, 3_000_000).frames.len(), 2);
        assert_eq!(windows.credit(1, 1).frames.len(), 0);
        assert_eq!(windows.credit(1, 800_000).frames.len(), 1);
    }

    #[test]
    fn frames_of_any_size_go_through_though_credit_for_small_ones_is_held_back() {
        let sizes = [10, CREDIT - 11, 1, WINDOW, CREDIT - 1, 3 * WINDOW, WINDOW - 1, 2, WINDOW / 2, WINDOW];
        let (mut sender, mut receiver) = (Windows::default(), Windows::default());
        sender.open(1);
        receiver.open(2);
        let mut under_way: VecDeque<u64> = VecDeque::new();
        let length = |frame: Vec<Bytes>| frame[0].len() as u64;
        for size in sizes {
            under_way.extend(sender.send(1, frame(size as usize)).frames.into_iter().map(length));
        }
        let mut arrived = Vec::new();
        while let Some(size) = under_way.pop_front() {
            arrived.push(size);
            receiver.received(2, size);
            if let Some(credit) = receiver.taken(2) {
                under_way.extend(sender.credit(1, credit).frames.into_iter().map(length));
            }
        }
        assert_eq!(arrived, sizes);
    }

    #[test]
    fn closing_waits_for_what_was_sent() {
        let mut windows = Windows::default();
        windows.open(1);
        windows.send(1, frame(1_000_000));
        windows.send(1, frame(1_000_000));
        assert_eq!(windows.close(1), Leaving::default());
        assert_eq!(windows.send(1, frame(1)), Leaving::default(), "nothing is sent after closing");
        let leaving = windows.credit(1, 1_000_000);
        assert!(leaving.frames.len() == 1 && leaving.close);
        assert!(!windows.is_open(1));
    }

    #[test]
    fn credit_goes_back_once_it_is_worth_a_message() {
        let mut windows = Windows::default();
        windows.open(2);
        for bytes in [5, CREDIT - 6, 1, WINDOW] {
            windows.received(2, bytes);
        }
        let taken = [(); 5].map(|()| windows.taken(2));
        assert_eq!(taken, [None, None, Some(CREDIT), Some(WINDOW), None]);
    }
}
