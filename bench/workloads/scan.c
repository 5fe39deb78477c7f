/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Looks for any of 64 words in the payload: the automaton of Aho and Corasick, one table look-up a byte. */
#include "bench.h"

enum { WORDS = 64, STATES = 1024, FOUND = 0x8000, HEADERS = 42 };

struct tables {
	u16 next[STATES][256];
	u16 fail[STATES], queue[STATES];
	u16 states;
};
BENCH_TABLES;

/* The words' letters: ../src/trace.rs plants the same ones. */
INLINE u32 length_of(u32 word)
{
	return 6 + mix(word + 5000) % 7;
}

INLINE u32 letter_of(u32 word, u32 at)
{
	return 'a' + mix(word * 16 + at + 6000) % 26;
}

static void prepare(void)
{
	u32 head = 0, tail = 0;

	tables.states = 1;
	for (u32 word = 0; word < WORDS; word++) {
		u32 state = 0, length = length_of(word);

		for (u32 at = 0; at < length; at++) {
			u16 *next = &tables.next[state & (STATES - 1)][letter_of(word, at)];

			if (!(*next & (STATES - 1)))
				*next |= tables.states++;
			if (at + 1 == length)
				*next |= FOUND;
			state = *next & (STATES - 1);
		}
	}
	/* breadth first: where a state has no way on, it goes on as the longest end of what it has read does */
	for (u32 c = 0; c < 256; c++)
		if (tables.next[0][c])
			tables.queue[tail++] = tables.next[0][c] & (STATES - 1);
	while (head < tail) {
		u32 state = tables.queue[head++], fail = tables.fail[state];

		for (u32 c = 0; c < 256; c++) {
			u16 *next = &tables.next[state][c];

			if (*next & (STATES - 1)) {
				*next |= tables.next[fail][c] & FOUND;
				tables.fail[*next & (STATES - 1)] = tables.next[fail][c] & (STATES - 1);
				tables.queue[tail++] = *next & (STATES - 1);
			} else {
				*next = tables.next[fail][c];
			}
		}
	}
}

INLINE int judge(struct packet p)
{
	u32 state = 0;

	for (u32 at = HEADERS; at < LONGEST; at++) {
		if (at >= p.len)
			break;
		state = tables.next[INDEX(state, STATES)][load8(p, at)];
		if (state & FOUND)
			return XDP_DROP;
	}
	return XDP_PASS;
}

BENCH_WORKLOAD
