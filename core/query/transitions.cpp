#include "query/transitions.h"

#include "histogram/reset.h"
#include "query/start_times.h"

namespace narthex {

Transitions::Transitions(RangeOp op, bool start_times, const Samples& numbers,
                         const HistogramSamples& histograms) {
    const bool resets = op == RangeOp::kResets;
    const Samples times = histograms.as_times();
    constexpr size_t kNone = ~size_t{0};
    size_t last_number = kNone, last_histogram = kNone;  // one of them at most is the sample before
    uint64_t count = 0;
    auto push = [&](int64_t t, bool transition) {
        count += transition && !times_.empty();
        times_.push_back(t);
        seen_.push_back(count);
    };
    auto anew = [&](const Samples& s, size_t before, size_t now) {
        return start_times && s.starts && began_anew(started(s, before), started(s, now));
    };
    auto push_number = [&](size_t i) {
        bool first = last_number == kNone;
        double before = first ? 0 : numbers.v[last_number], now = numbers.v[i];
        push(numbers.t[i],
             first || (resets ? now < before || anew(numbers, last_number, i) : changed(before, now)));
        last_number = i;
        last_histogram = kNone;
    };
    auto push_histogram = [&](size_t i) {
        const auto& values = histograms.values;
        bool transition = last_histogram == kNone;
        if (!transition && resets)
            transition = counter_reset(values[last_histogram], values[i]) || anew(times, last_histogram, i);
        else if (!transition)
            transition = !values[i].equals(values[last_histogram]);
        push(histograms.times[i], transition);
        last_histogram = i;
        last_number = kNone;
    };
    size_t n = 0;
    for (size_t i = 0; i < histograms.size(); ++i) {
        while (n < numbers.n && numbers.t[n] <= histograms.times[i]) push_number(n++);
        push_histogram(i);
    }
    while (n < numbers.n) push_number(n++);
}

}  // namespace narthex
