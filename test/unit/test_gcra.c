/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_gcra.c - the rate limits' arithmetic against a bucket of tokens in floating point, and at
 * its edges: extreme rates, idle years, a clock that wraps or goes back.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include <lb/gcra.h>

struct limit {
	__u64 interval, depth, tat;
};

static struct limit limit_of(__u64 rate, __u64 burst)
{
	const __u64 interval = gcra_interval(rate);

	return (struct limit){interval, burst * gcra_cost(interval, 1), 0};
}

static int take(struct limit *l, __u64 now, __u32 amount)
{
	__u64 next;

	if (!gcra_take(l->tat, now, gcra_cost(l->interval, amount), l->depth, &next))
		return 0;
	l->tat = next;
	return 1;
}

static __u64 burst_at(struct limit *l, __u64 now, __u64 most)
{
	__u64 n = 0;

	while (n < most && take(l, now, 1))
		n++;
	return n;
}

static const __u64 rates[] = {1,      3,       7,	 1000,	   9999,	 10000,
			      333333, 1000000, 33333333, 70000001, GCRA_RATE_MAX};

Test(gcra, lets_exactly_a_burst_through_at_once_at_any_rate)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		for (__u64 burst = 1; burst <= 3600 && burst <= 3600 * rates[i];
		     burst = burst * 3 + 1) {
			struct limit l = limit_of(rates[i], burst);

			cr_expect_eq(burst_at(&l, 12345, burst + 5), burst, "%llu/s, burst %llu",
				     rates[i], burst);
		}
}

/* A packet each time that the rate allows one, and a packet in between each time. */
Test(gcra, keeps_the_rate_within_a_thousandth)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct limit l = limit_of(rates[i], 1);
		const __u64 period = GCRA_SECOND / rates[i] / 5, n = 100000;
		__u64 now = GCRA_SECOND, passed = 0;
		double want;

		for (__u64 k = 0; k < n; k++, now += period)
			passed += (unsigned int)take(&l, now, 1);
		want = (double)(now - GCRA_SECOND) / (double)GCRA_SECOND * (double)rates[i];
		/* It asks at a fifth of the period alone: what is rounded up there, five times. */
		cr_expect(passed <= want * 1.005 + 1, "%llu/s: %llu of %g", rates[i], passed, want);
		cr_expect(passed >= want * 0.8, "%llu/s: %llu of %g", rates[i], passed, want);
	}
}

/* The same verdicts as a bucket of tokens, but where it is a matter of rounding. */
Test(gcra, judges_as_a_bucket_of_tokens_does)
{
	unsigned int seed = 7;

	for (int round = 0; round < 200; round++) {
		const __u64 rate = (__u64)exp(log(1e8) * (rand_r(&seed) % 1000) / 1000.0) + 1;
		const __u64 burst = 1 + (__u64)rand_r(&seed) % (rate < 1000 ? rate * 3600 : 100000);
		struct limit l = limit_of(rate, burst);
		double tokens = (double)burst;
		__u64 now = GCRA_SECOND * (1 + (__u64)rand_r(&seed));
		unsigned int differ = 0;

		for (int k = 0; k < 5000; k++) {
			const double gap = -log((1 + rand_r(&seed) % 1000000) / 1e6) / (double)rate;
			const __u64 step = (__u64)(gap * (double)GCRA_SECOND);
			int passed;

			now += step;
			tokens += (double)step / (double)GCRA_SECOND * (double)rate;
			if (tokens > (double)burst)
				tokens = (double)burst;
			passed = take(&l, now, 1);
			if (passed != (tokens >= 1) && fabs(tokens - 1) > 0.01 * (1 + k / 100.0))
				differ++;
			if (passed)
				tokens -= 1;
		}
		cr_expect_leq(differ, 5, "%llu/s, burst %llu: %u of 5000", rate, burst, differ);
	}
}

Test(gcra, remembers_nothing_of_what_it_refuses)
{
	struct limit l = limit_of(1000, 10);
	__u64 tat;

	burst_at(&l, 5000, 10);
	tat = l.tat;
	for (int i = 0; i < 1000; i++)
		cr_assert_not(take(&l, 5000, 1));
	cr_expect_eq(l.tat, tat);
}

Test(gcra, takes_years_of_silence_for_silence)
{
	static const __u64 years[] = {1, 2, 4, 5, 8, 9};
	const __u64 year = 365ull * 86400 * GCRA_SECOND;

	for (size_t i = 0; i < sizeof(years) / sizeof(years[0]); i++) {
		struct limit l = limit_of(1, 3600);

		cr_assert_eq(burst_at(&l, 77, 4000), 3600);
		cr_expect_eq(burst_at(&l, 77 + years[i] * year, 4000), 3600, "%llu years",
			     years[i]);
	}
}

Test(gcra, works_across_the_wrap_of_the_clock)
{
	struct limit l = limit_of(1000, 100);
	__u64 now = -(GCRA_SECOND / 20); /* 50 ms before it wraps; a burst is 100 ms */

	l.tat = now;
	cr_expect_eq(burst_at(&l, now, 200), 100);
	cr_expect_lt(l.tat, GCRA_SECOND, "the TAT has wrapped");
	cr_expect_eq(burst_at(&l, now + GCRA_SECOND / 100, 200), 10);
	cr_expect_eq(burst_at(&l, now + GCRA_SECOND / 10, 200), 90);
}

/* CPUs' clocks differ by little: it costs a source that much, and gives it nothing. */
Test(gcra, bears_a_clock_that_goes_back)
{
	const __u64 behind = GCRA_SECOND / 1000000; /* a microsecond */
	struct limit l = limit_of(1000, 100);
	__u64 now = GCRA_SECOND;

	cr_expect_eq(burst_at(&l, now, 50), 50);
	cr_expect_eq(burst_at(&l, now - behind, 200), 49);
	cr_expect_eq(burst_at(&l, now, 200), 1, "a hundred in all");
	l = limit_of(GCRA_RATE_MAX, 1);
	cr_expect(take(&l, now, 1));
	cr_expect_not(take(&l, now - behind, 1), "not idle: the TAT is a little ahead");
}

/* A cell may be charged beyond its depth by CPUs that lost a race: it counts as used up then. */
Test(gcra, takes_a_cell_that_was_overcharged_for_used_up)
{
	struct limit l = limit_of(1, 3600);

	burst_at(&l, 1000, 3600);
	l.tat += 100 * gcra_cost(l.interval, 1);
	cr_expect_not(take(&l, 1000, 1));
}

Test(gcra, counts_bytes_of_any_frame_at_any_rate)
{
	static const __u64 byte_rates[] = {GCRA_BYTE_RATE_MIN, 12500000, 1250000000,
					   GCRA_BYTE_RATE_MAX};
	static const __u32 sizes[] = {60, 64, 1514, 9014, 65535, (1u << 17) - 1};

	for (size_t i = 0; i < sizeof(byte_rates) / sizeof(byte_rates[0]); i++)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			const double want =
			    (double)sizes[k] / (double)byte_rates[i] * (double)GCRA_SECOND;
			const double cost =
			    (double)gcra_cost(gcra_interval(byte_rates[i]), sizes[k]);

			cr_expect(fabs(cost - want) <= want * 0.001 + 0.5,
				  "%u bytes at %llu/s: %g, not %g", sizes[k], byte_rates[i], cost,
				  want);
		}
}

Test(gcra, depth_of_an_hour_fits)
{
	cr_expect_eq(gcra_depth(1, 3600), GCRA_DEPTH_MAX);
	cr_expect_eq(gcra_depth(GCRA_BYTE_RATE_MAX, GCRA_BYTE_RATE_MAX * 3600), GCRA_DEPTH_MAX);
	cr_expect_eq(gcra_depth(GCRA_RATE_MAX, 1), 640);
}
