// Doubly linked list: add and remove in constant time, iteration in insertion order.

/** Returned by `add`, passed to `remove`. */
export type ListNode<Member extends object> = {
  /** Undefined after removal. */
  member: Member | undefined;
  previous: ListNode<Member> | undefined;
  next: ListNode<Member> | undefined;
};

/**
 * Used instead of a Set for members that change with every request. A Set replaces its hash table every few dozen
 * changes, and V8 keeps a link from each replaced table, with its former members, to the next. Once one of these tables
 * has been promoted to the old generation, every minor collection treats the whole chain as reachable: collections take
 * seven times as long, and short-lived objects accumulate until a full collection.
 */
export class LinkedList<Member extends object> {
  #first: ListNode<Member> | undefined = undefined;
  #last: ListNode<Member> | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Member | undefined {
    return this.#first?.member;
  }

  add(member: Member): ListNode<Member> {
    const node: ListNode<Member> = { member, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#size++;
    return node;
  }

  /** Idempotent. */
  remove(node: ListNode<Member>): void {
    if (node.member === undefined) return;
    const { previous, next } = node;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    node.member = undefined;
    node.previous = undefined;
    node.next = undefined;
    this.#size--;
  }

  /** The loop body may remove the current node. */
  *nodes(): Generator<ListNode<Member> & { member: Member }> {
    for (let node = this.#first; node !== undefined;) {
      const { next } = node;
      yield node as ListNode<Member> & { member: Member };
      node = next;
    }
  }
}
