// Two ascending runs of samples as one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace narthex {

// The runs are [0, tail) and [tail, n); time(i) is ascending in each. Calls use(i) in ascending time. Of
// equal times the sample of the run that did not give the one before is used, which is how Prometheus chooses
// (its chain of sample iterators goes on to another one unless the current one is strictly earlier).
template <typename Time, typename Use>
void chain_runs(size_t tail, size_t n, Time&& time, Use&& use) {
    const size_t end[2] = {tail, n};
    size_t next[2] = {0, tail};
    bool used = false;
    int64_t last = 0;
    unsigned current = 0;
    auto again = [&] { return used && time(next[current]) == last; };
    while (next[0] < end[0] || next[1] < end[1]) {
        unsigned other = 1 - current;
        if (next[current] < end[current] && again()) {
            ++next[current];
            continue;
        }
        if (next[current] == end[current] ||
            (next[other] < end[other] && time(next[other]) <= time(next[current]))) {
            current = other;
            if (again()) {
                ++next[current];
                continue;
            }
        }
        last = time(next[current]);
        used = true;
        use(next[current]++);
    }
}

}  // namespace narthex
