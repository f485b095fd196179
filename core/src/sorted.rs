//! Maps and sets as sorted vectors.
//!
//! What a node keeps by key counts tens to thousands of entries, and most of it arrives in the order of its keys. There a
//! sorted vector is as quick as a tree, is walked in order as our invariant of equal outputs asks, and costs a tenth of a
//! tree's code for each pair of types: trees were a quarter of the wasm every visitor loads. Inserting or removing in
//! the middle moves what follows, so a map of very many entries in random order wants
//! [`BTreeMap`](alloc::collections::BTreeMap) instead.
//!
//! Methods are named as `BTreeMap` and `BTreeSet` name theirs, and do the same.

use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt::{self, Debug, Formatter};
use core::iter::FusedIterator;
use core::ops::{Bound, Index, Range, RangeBounds};
use core::slice;

/// Sorts as `sort_by` of slices does, equals in their order: by one sort of places for all types. A sort of its own costs
/// each type 4 KB of the wasm, and few sorts are of many items.
pub fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = order(items.len(), &|one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    let mut rest: Vec<Option<T>> = core::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| rest.get_mut(at)?.take()));
}

/// As [`sort_by`], by the order of the items themselves.
pub fn sort<T: Ord>(items: &mut Vec<T>) {
    sort_by(items, Ord::cmp);
}

/// As [`sort_by`], by a key that is quick to make.
pub fn sort_by_key<T, K: Ord>(items: &mut Vec<T>, key: impl Fn(&T) -> K) {
    sort_by(items, |one, other| key(one).cmp(&key(other)));
}

fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_unstable_by(|one, other| compare(*one, *other).then(one.cmp(other)));
    order
}

/// A map, in order of its keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortedMap<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    /// Without an entry.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Number of entries.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without an entry.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Entries, in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter(self.entries.iter())
    }

    /// Entries, in order, their values to change.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut(self.entries.iter_mut())
    }

    /// Keys, in order.
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys(self.entries.iter())
    }

    /// Values, in order of their keys.
    pub fn values(&self) -> Values<'_, K, V> {
        Values(self.entries.iter())
    }

    /// Values, in order of their keys, to change.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> + ExactSizeIterator {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Its keys alone, in order.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator {
        self.entries.into_iter().map(|(key, _)| key)
    }

    /// Its values alone, in order of their keys.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = V> + ExactSizeIterator {
        self.entries.into_iter().map(|(_, value)| value)
    }

    /// The entry of the lowest key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.entries.first().map(|(key, value)| (key, value))
    }

    /// The entry of the highest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.entries.last().map(|(key, value)| (key, value))
    }

    /// Takes out the entry of the lowest key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.entries.is_empty()).then(|| self.entries.remove(0))
    }

    /// Takes out the entry of the highest key.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        self.entries.pop()
    }

    /// Keeps the entries for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain_mut(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// Where a key is, or where it would be.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        // Most of what comes is newer, and so higher, than all that is there; and much is asked of the newest.
        let Some((below, (last, _))) = self.entries.len().checked_sub(1).zip(self.entries.last()) else {
            return Err(0);
        };
        match last.borrow().cmp(key) {
            Ordering::Less => Err(below + 1),
            Ordering::Equal => Ok(below),
            Ordering::Greater => self.entries.binary_search_by(|(known, _)| known.borrow().cmp(key)),
        }
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().and_then(|at| self.entries.get(at)).map(|(_, value)| value)
    }

    /// The value of a key, to change.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().and_then(|at| self.entries.get_mut(at)).map(|(_, value)| value)
    }

    /// True where the key has a value.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Gives a key a value; the value before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => self.entries.get_mut(at).map(|(_, old)| core::mem::replace(old, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes out the value of a key.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Takes out a key and its value.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| self.entries.remove(at))
    }

    /// The place of a key, to fill where it is vacant.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        match self.find(&key) {
            Ok(at) => Entry::Occupied(OccupiedEntry { entries: &mut self.entries, at }),
            Err(at) => Entry::Vacant(VacantEntry { entries: &mut self.entries, at, key }),
        }
    }

    /// The entries of a range of keys, in order.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let within = self.within(&range);
        Iter(self.entries.get(within).unwrap_or_default().iter())
    }

    /// The entries of a range of keys, in order, their values to change.
    pub fn range_mut<Q: Ord + ?Sized>(&mut self, range: impl RangeBounds<Q>) -> IterMut<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let within = self.within(&range);
        IterMut(self.entries.get_mut(within).unwrap_or_default().iter_mut())
    }

    fn within<Q: Ord + ?Sized>(&self, range: &impl RangeBounds<Q>) -> Range<usize>
    where
        K: Borrow<Q>,
    {
        let place = |key: &Q, after: bool| match self.find(key) {
            Ok(at) => at + usize::from(after),
            Err(at) => at,
        };
        let start = match range.start_bound() {
            Bound::Included(key) => place(key, false),
            Bound::Excluded(key) => place(key, true),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(key) => place(key, true),
            Bound::Excluded(key) => place(key, false),
            Bound::Unbounded => self.entries.len(),
        };
        start..end
    }
}

/// The place of a key in a map.
#[derive(Debug)]
pub enum Entry<'a, K, V> {
    /// It has a value.
    Occupied(OccupiedEntry<'a, K, V>),
    /// It has none.
    Vacant(VacantEntry<'a, K, V>),
}

/// The place of a key that has a value.
#[derive(Debug)]
pub struct OccupiedEntry<'a, K, V> {
    entries: &'a mut Vec<(K, V)>,
    at: usize,
}

/// The place of a key that has no value.
#[derive(Debug)]
pub struct VacantEntry<'a, K, V> {
    entries: &'a mut Vec<(K, V)>,
    at: usize,
    key: K,
}

impl<'a, K, V> Entry<'a, K, V> {
    /// The value; `default` where there was none.
    pub fn or_insert(self, default: V) -> &'a mut V {
        self.or_insert_with(|| default)
    }

    /// The value; what `default` makes where there was none.
    pub fn or_insert_with(self, default: impl FnOnce() -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(default()),
        }
    }

    /// The value; its type's default where there was none.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value, where there is one.
    #[allow(clippy::return_self_not_must_use)] // changing is often all one wants
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }
}

// `at` is where the map's own search found or wants the key, and the map cannot change while this borrows it.
#[allow(clippy::indexing_slicing)]
impl<'a, K, V> OccupiedEntry<'a, K, V> {
    /// The value.
    pub fn get(&self) -> &V {
        &self.entries[self.at].1
    }

    /// The value, to change.
    pub fn get_mut(&mut self) -> &mut V {
        &mut self.entries[self.at].1
    }

    /// The value, to change, for as long as the map is borrowed.
    pub fn into_mut(self) -> &'a mut V {
        &mut self.entries[self.at].1
    }

    /// Another value; the value before.
    pub fn insert(&mut self, value: V) -> V {
        core::mem::replace(self.get_mut(), value)
    }

    /// Takes out key and value; the value.
    pub fn remove(self) -> V {
        self.entries.remove(self.at).1
    }
}

#[allow(clippy::indexing_slicing)]
impl<'a, K, V> VacantEntry<'a, K, V> {
    /// Gives the key a value.
    pub fn insert(self, value: V) -> &'a mut V {
        self.entries.insert(self.at, (self.key, value));
        &mut self.entries[self.at].1
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for SortedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for SortedMap<K, V> {
    type Output = V;

    /// # Panics
    /// Without such a key, as `BTreeMap` does.
    #[allow(clippy::expect_used)]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry found for key")
    }
}

impl<K: Debug, V: Debug> Debug for SortedMap<K, V> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a SortedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut SortedMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

/// An iterator over a slice that shows each element in another way.
macro_rules! iterator {
    ($(#[$doc:meta])* $name:ident<$life:lifetime, $($type:ident),+>($inner:ty) -> $item:ty, $show:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<$life, $($type),+>($inner);

        impl<$life, $($type),+> Iterator for $name<$life, $($type),+> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                self.0.next().map($show)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<$life, $($type),+> DoubleEndedIterator for $name<$life, $($type),+> {
            fn next_back(&mut self) -> Option<$item> {
                self.0.next_back().map($show)
            }
        }

        impl<$($type),+> ExactSizeIterator for $name<'_, $($type),+> {}
        impl<$($type),+> FusedIterator for $name<'_, $($type),+> {}
    };
}

iterator! {
    /// Entries of a map, in order.
    Iter<'a, K, V>(slice::Iter<'a, (K, V)>) -> (&'a K, &'a V), |(key, value)| (key, value)
}
iterator! {
    /// Entries of a map, in order, their values to change.
    IterMut<'a, K, V>(slice::IterMut<'a, (K, V)>) -> (&'a K, &'a mut V), |(key, value)| (&*key, value)
}
iterator! {
    /// Keys of a map, in order.
    Keys<'a, K, V>(slice::Iter<'a, (K, V)>) -> &'a K, |(key, _)| key
}
iterator! {
    /// Values of a map, in order of their keys.
    Values<'a, K, V>(slice::Iter<'a, (K, V)>) -> &'a V, |(_, value)| value
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Clone for Values<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A set, in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortedSet<T> {
    members: SortedMap<T, ()>,
}

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> SortedSet<T> {
    /// Without a member.
    pub const fn new() -> Self {
        Self { members: SortedMap::new() }
    }

    /// Number of members.
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// True without a member.
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.members.clear();
    }

    /// Members, in order.
    pub fn iter(&self) -> Keys<'_, T, ()> {
        self.members.keys()
    }

    /// The lowest.
    pub fn first(&self) -> Option<&T> {
        self.members.first_key_value().map(|(member, ())| member)
    }

    /// The highest.
    pub fn last(&self) -> Option<&T> {
        self.members.last_key_value().map(|(member, ())| member)
    }

    /// Takes out the lowest.
    pub fn pop_first(&mut self) -> Option<T> {
        self.members.pop_first().map(|(member, ())| member)
    }

    /// Takes out the highest.
    pub fn pop_last(&mut self) -> Option<T> {
        self.members.pop_last().map(|(member, ())| member)
    }

    /// Keeps the members for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.members.retain(|member, ()| keep(member));
    }
}

impl<T: Ord> SortedSet<T> {
    /// True for a member.
    pub fn contains<Q: Ord + ?Sized>(&self, member: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.members.contains_key(member)
    }

    /// Adds a member; false where it was one.
    pub fn insert(&mut self, member: T) -> bool {
        self.members.insert(member, ()).is_none()
    }

    /// Removes a member; false where it was none.
    pub fn remove<Q: Ord + ?Sized>(&mut self, member: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.members.remove(member).is_some()
    }

    /// True where all members of this are members of `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|member| other.contains(member))
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut set = Self::new();
        set.extend(members);
        set
    }
}

impl<T: Ord> Extend<T> for SortedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        for member in members {
            self.insert(member);
        }
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for SortedSet<T> {
    fn from(members: [T; N]) -> Self {
        members.into_iter().collect()
    }
}

impl<T: Debug> Debug for SortedSet<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = IntoMembers<T>;

    fn into_iter(self) -> Self::IntoIter {
        IntoMembers(self.members.into_iter())
    }
}

impl<'a, T> IntoIterator for &'a SortedSet<T> {
    type Item = &'a T;
    type IntoIter = Keys<'a, T, ()>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Members of a set that is used up, in order.
#[derive(Debug)]
pub struct IntoMembers<T>(vec::IntoIter<(T, ())>);

impl<T> Iterator for IntoMembers<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.next().map(|(member, ())| member)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> DoubleEndedIterator for IntoMembers<T> {
    fn next_back(&mut self) -> Option<T> {
        self.0.next_back().map(|(member, ())| member)
    }
}

impl<T> ExactSizeIterator for IntoMembers<T> {}

#[cfg(test)]
mod tests {
    use super::{SortedMap, SortedSet};
    use crate::rng::Rng;
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::vec::Vec;

    #[test]
    fn a_map_answers_as_a_tree_does() {
        for seed in 0..50 {
            let mut rng = Rng::new(seed);
            let (mut map, mut tree) = (SortedMap::new(), BTreeMap::new());
            for step in 0..400_u64 {
                let key = rng.below(64);
                match rng.below(8) {
                    0..=2 => assert_eq!(map.insert(key, step), tree.insert(key, step), "seed {seed}"),
                    3 => assert_eq!(map.remove(&key), tree.remove(&key), "seed {seed}"),
                    4 => {
                        let counted = *map.entry(key).and_modify(|value| *value += 1).or_insert(step);
                        assert_eq!(
                            counted,
                            *tree.entry(key).and_modify(|value| *value += 1).or_insert(step),
                            "seed {seed}"
                        );
                    }
                    5 => {
                        map.retain(|known, _| known % 7 != key % 7);
                        tree.retain(|known, _| known % 7 != key % 7);
                    }
                    6 if step % 2 == 0 => assert_eq!(map.pop_first(), tree.pop_first(), "seed {seed}"),
                    6 => assert_eq!(map.pop_last(), tree.pop_last(), "seed {seed}"),
                    _ => {
                        let end = key + rng.below(16);
                        assert!(map.range(key..end).map(|(key, _)| key).eq(tree.range(key..end).map(|(key, _)| key)));
                        assert!(
                            map.range(..=end)
                                .rev()
                                .map(|(key, _)| key)
                                .eq(tree.range(..=end).rev().map(|(key, _)| key))
                        );
                    }
                }
                assert!(map.keys().eq(tree.keys()), "seed {seed}");
                assert_eq!(map.contains_key(&key), tree.contains_key(&key), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_set_answers_as_a_tree_does() {
        let mut rng = Rng::new(7);
        let (mut set, mut tree) = (SortedSet::new(), BTreeSet::new());
        for _ in 0..500 {
            let member = rng.below(40);
            if rng.chance(1, 2) {
                assert_eq!(set.insert(member), tree.insert(member));
            } else {
                assert_eq!(set.remove(&member), tree.remove(&member));
            }
            assert!(set.iter().eq(tree.iter()));
            assert_eq!((set.first(), set.last()), (tree.first(), tree.last()));
        }
        assert_eq!(set.into_iter().collect::<Vec<_>>(), tree.into_iter().collect::<Vec<_>>());
    }
}
