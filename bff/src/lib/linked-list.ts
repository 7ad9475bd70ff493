// Those who are present: they come and go with every request, in any order, and leave nothing behind.

/** One member's place; given back when it leaves. */
export type ListNode<Member extends object> = {
  /** Undefined once it has left. */
  member: Member | undefined;
  before: ListNode<Member> | undefined;
  after: ListNode<Member> | undefined;
};

/**
 * In the order of their coming. In the place of a Set, whose table is replaced every few dozen changes: a replaced table
 * still holds whoever was in it and leads to the next one. Once a first one has grown old in V8's heap, each collection
 * of young objects finds the whole chain of them, and with it every request since, alive: it takes seven times as long,
 * and all that should have died young fills the heap until a full collection.
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

  join(member: Member): ListNode<Member> {
    const place: ListNode<Member> = { member, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#size++;
    return place;
  }

  /** To leave twice is to leave once. */
  leave(place: ListNode<Member>): void {
    if (place.member === undefined) return;
    const { before, after } = place;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    place.member = undefined;
    place.before = undefined;
    place.after = undefined;
    this.#size--;
  }

  /** Whoever is visited may leave meanwhile. */
  *places(): Generator<ListNode<Member> & { member: Member }> {
    for (let place = this.#first; place !== undefined;) {
      const { after } = place;
      yield place as ListNode<Member> & { member: Member };
      place = after;
    }
  }
}
