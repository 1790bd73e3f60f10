//! Dense ids of things the cluster keeps in rows and columns. Only the core makes them.

/// An id that is also a position in an [`crate::units::IndexVec`].
pub trait Id: Copy {
    /// The id of position `index`; `None` when there are more than `u32::MAX` of them.
    fn from_index(index: usize) -> Option<Self>;
    /// The position this id stands for.
    fn index(self) -> usize;
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl Id for $name {
            fn from_index(index: usize) -> Option<Self> {
                u32::try_from(index).ok().map(Self)
            }

            #[inline]
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// One row of the cluster: a node, or the place of a node that is gone while pods still name it.
    NodeId
);
id!(
    /// One pod that the cluster or the queue knows.
    PodId
);
id!(
    /// An interned string.
    Symbol
);
