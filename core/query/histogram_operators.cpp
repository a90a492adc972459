// Binary operators on pairs of rows that have native histograms.
#include "histogram/combine.h"
#include "histogram/trim.h"
#include "query/histogram_functions.h"
#include "query/row_pairs.h"

namespace narthex {

namespace {

struct Outcome {
    double cell;  // absent: no result
    uint32_t notes = 0;
};

const Outcome kNothing{stale_nan()};

Outcome refused(uint32_t note) {
    return {stale_nan(), note};
}

Outcome pooled(HistogramPool& pool, FloatHistogram&& h, bool compact = true) {
    if (compact) h.compact();
    return {pool.add(std::move(h))};
}

bool is_trim(BinaryOp op) {
    return op == BinaryOp::kTrimUpper || op == BinaryOp::kTrimLower;
}

Outcome with_number(BinaryOp op, const FloatHistogram& left, double right, HistogramPool& pool) {
    if (op != BinaryOp::kMul && op != BinaryOp::kDiv && !is_trim(op)) return refused(kNoteHistogramFloat);
    FloatHistogram h = left;
    if (op == BinaryOp::kMul) {
        h.multiply(right);
    } else if (op == BinaryOp::kDiv) {
        h.divide(right);
    } else {
        trim(h, right, op == BinaryOp::kTrimUpper);
        return pooled(pool, std::move(h), false);
    }
    return pooled(pool, std::move(h));
}

Outcome number_with(BinaryOp op, double left, const FloatHistogram& right, HistogramPool& pool) {
    if (op != BinaryOp::kMul) return refused(kNoteFloatHistogram);
    FloatHistogram h = right;
    h.multiply(left);
    return pooled(pool, std::move(h));
}

// A collision of hints leaves no result, as in Prometheus.
Outcome joined(BinaryOp op, const FloatHistogram& left, const FloatHistogram& right, HistogramPool& pool) {
    bool plus = op == BinaryOp::kAdd;
    FloatHistogram h = left;
    Combined c = plus ? add(h, right.view()) : subtract(h, right.view());
    if (c.incompatible) return refused(kNoteIncompatible);
    if (c.reset_collision) return refused(plus ? kNoteCollisionAdd : kNoteCollisionSub);
    if (!plus) h.hint = ResetHint::kGauge;
    Outcome out = pooled(pool, std::move(h));
    if (c.bounds_reconciled) out.notes = plus ? kNoteReconciledAdd : kNoteReconciledSub;
    return out;
}

class Operator {
  public:
    Operator(BinaryOp op, CompareResult result, HistogramPool& pool)
        : op_(op), result_(result), pool_(pool) {}

    Outcome operator()(double left, double right) const {
        bool l = is_histogram_cell(left), r = is_histogram_cell(right);
        if (l && r) return with_histogram(left, right);
        if (l) return with_number(op_, pool_.value(left), right, pool_);
        return number_with(op_, left, pool_.value(right), pool_);
    }

  private:
    Outcome with_histogram(double left, double right) const {
        const FloatHistogram& l = pool_.value(left);
        const FloatHistogram& r = pool_.value(right);
        switch (op_) {
            case BinaryOp::kAdd:
            case BinaryOp::kSub:
                return joined(op_, l, r, pool_);
            case BinaryOp::kEqual:
            case BinaryOp::kNotEqual: {
                bool holds = l.view().equals(r.view()) == (op_ == BinaryOp::kEqual);
                if (result_ == CompareResult::kBool) return {holds ? 1.0 : 0.0};
                if (!holds) return kNothing;
                return {result_ == CompareResult::kLeft ? left : right};
            }
            default:
                return refused(kNoteHistogramHistogram);
        }
    }

    BinaryOp op_;
    CompareResult result_;
    HistogramPool& pool_;
};

}  // namespace

uint32_t combine_histograms(BinaryOp op, CompareResult result, const Operand& left, const Operand& right,
                            size_t rows, size_t steps, HistogramPool& pool, QueryBudget& budget,
                            double* out) {
    Operator combine(op, result, pool);
    uint32_t notes = 0;
    for (size_t i = 0; i < rows; ++i) {
        budget.check();
        const double* l = row_of(left, i, steps);
        const double* r = row_of(right, i, steps);
        for (size_t k = 0; k < steps; ++k) {
            if (is_stale(l[k]) || is_stale(r[k])) continue;
            if (!is_histogram_cell(l[k]) && !is_histogram_cell(r[k])) {
                if (is_trim(op)) notes |= kNoteFloatFloat;
                continue;
            }
            Outcome done = combine(l[k], r[k]);
            out[i * steps + k] = done.cell;
            notes |= done.notes;
        }
    }
    return notes;
}

}  // namespace narthex
