//! A DefraDB node keeps the laws of a target.

use bookstate_sink::defradb::DefraTarget;
use bookstate_tests::node::Node;

use super::target;

fn fresh() -> (Node, DefraTarget) {
    let node = Node::throwaway().unwrap();
    let target = target(&node.url());
    (node, target)
}

bookstate_store::target_conforms!(fresh());
