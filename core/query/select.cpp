#include "query/select.h"

#include <stdexcept>
#include <vector>

#include "chunk/stale.h"

namespace narthex {

namespace {

// Samples in memory while a row is worked on.
class Held {
  public:
    Held(QueryBudget& budget, size_t samples) : budget_(budget), samples_(static_cast<int64_t>(samples)) {
        budget_.count_read(samples_);
        budget_.hold(samples_);
    }
    ~Held() { budget_.release(samples_); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

  private:
    QueryBudget& budget_;
    int64_t samples_;
};

void fill_absent(double* cells, size_t n) {
    for (size_t k = 0; k < n; ++k) cells[k] = stale_nan();
}

template <typename Read, typename Evaluate>
void each_row(RowRange rows, size_t steps, const RowTarget& target, QueryBudget& budget, Read&& read,
              Evaluate&& evaluate) {
    thread_local SampleBuffer buffer;
    thread_local std::vector<double> scratch;
    if (target.reducer) {
        if (rows.last > target.groups.size()) throw std::out_of_range("a row has no group");
        scratch.resize(steps);
    }
    for (size_t row = rows.first; row < rows.last; ++row) {
        budget.check();
        double* cells = target.reducer ? scratch.data() : target.cells + row * steps;
        Samples s = read(row, buffer);
        if (s.n == 0) {
            if (!target.reducer) fill_absent(cells, steps);
            continue;
        }
        Held held(budget, s.n);
        evaluate(s, cells);
        if (target.reducer) target.reducer->add_row(target.groups[row], cells);
    }
}

}  // namespace

void lookback_row(const LookbackCall& call, const Samples& s, double* out) {
    size_t next = 0;
    for (size_t k = 0; k < call.grid.count; ++k) {
        int64_t t = call.grid.at(k);
        while (next < s.n && s.t[next] <= t) ++next;
        if (next == 0 || s.t[next - 1] <= t - call.lookback || is_stale(s.v[next - 1])) {
            out[k] = stale_nan();
        } else {
            out[k] = call.times ? static_cast<double>(s.t[next - 1]) / 1000 : s.v[next - 1];
        }
    }
}

void select_rows(const SampleSource& source, RowRange rows, const LookbackCall& call, const RowTarget& target,
                 QueryBudget& budget) {
    int64_t mint = call.grid.start - call.lookback + 1, maxt = call.grid.last();
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) { return source.read(row, mint, maxt, buffer); },
        [&](const Samples& s, double* cells) { lookback_row(call, s, cells); });
}

void range_rows(const SampleSource& source, RowRange rows, const RangeCall& call, const RowTarget& target,
                QueryBudget& budget) {
    int64_t mint = call.grid.start - call.range + 1, maxt = call.grid.last();
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) { return source.read_values(row, mint, maxt, buffer); },
        [&](const Samples& s, double* cells) { range_function(call, s, cells); });
}

}  // namespace narthex
