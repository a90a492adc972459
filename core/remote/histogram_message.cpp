#include "remote/histogram_message.h"

namespace narthex {

namespace {

ResetHint reset_hint(uint64_t number) {
    return number <= 3 ? static_cast<ResetHint>(number) : ResetHint::kUnknown;
}

// A count that may come as an integer or as a float; the last one wins.
struct Count {
    uint64_t integer = 0;
    double number = 0;
    bool floats = false;

    void set(uint64_t v) { *this = {v, 0, false}; }
    void set(double v) { *this = {0, v, true}; }
    // As the histogram's kind wants it; the other kind counts as absent.
    HistogramCell cell(bool as_floats) const {
        if (as_floats) return {.f = number};
        return {.i = static_cast<int64_t>(integer)};
    }
};

}  // namespace

HistogramMessages::Times HistogramMessages::read(ProtoReader in, int64_t latest, HistogramBatch& out) {
    layout_.schema = 0;
    layout_.zero_threshold = 0;
    layout_.positive.clear();
    layout_.negative.clear();
    layout_.bounds.clear();
    positive_.clear();
    negative_.clear();
    cells_.clear();
    Times times;
    Count count, zero_count;
    double sum = 0;
    ResetHint hint = ResetHint::kUnknown;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                count.set(in.uint64());
                break;
            case 2:
                count.set(in.float64());
                break;
            case 3:
                sum = in.float64();
                break;
            case 4:
                layout_.schema = in.sint32();
                break;
            case 5:
                layout_.zero_threshold = in.float64();
                break;
            case 6:
                zero_count.set(in.uint64());
                break;
            case 7:
                zero_count.set(in.float64());
                break;
            case 8:
                layout_.negative.push_back(read_span(in.message()));
                break;
            case 9:
                in.each_sint64([&](int64_t v) { negative_.deltas.push_back(v); });
                break;
            case 10:
                in.each_double([&](double v) { negative_.counts.push_back(v); });
                break;
            case 11:
                layout_.positive.push_back(read_span(in.message()));
                break;
            case 12:
                in.each_sint64([&](int64_t v) { positive_.deltas.push_back(v); });
                break;
            case 13:
                in.each_double([&](double v) { positive_.counts.push_back(v); });
                break;
            case 14:
                hint = reset_hint(in.uint64());
                break;
            case 15:
                times.t = in.int64();
                break;
            case 16:
                in.each_double([&](double v) { layout_.bounds.push_back(v); });
                break;
            case 17:
                times.start = in.int64();
                break;
            default:
                in.skip();
        }
    }
    if (times.t > latest) return times;
    bool floats = count.floats;
    positive_.append_to(cells_, floats);
    size_t positive = cells_.size();
    negative_.append_to(cells_, floats);
    HistogramCell count_cell = count.cell(floats), zero_cell = zero_count.cell(floats);
    out.add({layout_,
             floats,
             positive,
             cells_.size() - positive,
             {&count_cell, 1},
             {&zero_cell, 1},
             {&sum, 1},
             {&hint, 1},
             cells_});
    return times;
}

}  // namespace narthex
