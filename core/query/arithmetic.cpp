// Binary operators on pairs of rows.
#include <cmath>

#include "chunk/stale.h"
#include "query/row_pairs.h"

namespace narthex {

namespace {

template <typename F>
void each_pair(const Operand& left, const Operand& right, size_t rows, size_t steps, double* out, F&& f) {
    for (size_t i = 0; i < rows; ++i) {
        const double* l = row_of(left, i, steps);
        const double* r = row_of(right, i, steps);
        double* to = out + i * steps;
        for (size_t k = 0; k < steps; ++k)
            to[k] = is_stale(l[k]) || is_stale(r[k]) ? stale_nan() : f(l[k], r[k]);
    }
}

template <typename F>
void compare(CompareResult result, const Operand& left, const Operand& right, size_t rows, size_t steps,
             double* out, F&& holds) {
    switch (result) {
        case CompareResult::kBool:
            return each_pair(left, right, rows, steps, out,
                             [&](double l, double r) { return holds(l, r) ? 1.0 : 0.0; });
        case CompareResult::kLeft:
            return each_pair(left, right, rows, steps, out,
                             [&](double l, double r) { return holds(l, r) ? l : stale_nan(); });
        case CompareResult::kRight:
            return each_pair(left, right, rows, steps, out,
                             [&](double l, double r) { return holds(l, r) ? r : stale_nan(); });
    }
}

}  // namespace

void combine_cells(BinaryOp op, CompareResult result, const Operand& left, const Operand& right, size_t rows,
                   size_t steps, double* out) {
    auto arithmetic = [&](auto f) { each_pair(left, right, rows, steps, out, f); };
    auto comparison = [&](auto f) { compare(result, left, right, rows, steps, out, f); };
    switch (op) {
        case BinaryOp::kAdd:
            return arithmetic([](double l, double r) { return l + r; });
        case BinaryOp::kSub:
            return arithmetic([](double l, double r) { return l - r; });
        case BinaryOp::kMul:
            return arithmetic([](double l, double r) { return l * r; });
        case BinaryOp::kDiv:
            return arithmetic([](double l, double r) { return l / r; });
        case BinaryOp::kMod:
            return arithmetic([](double l, double r) { return std::fmod(l, r); });
        case BinaryOp::kPow:
            return arithmetic([](double l, double r) { return std::pow(l, r); });
        case BinaryOp::kAtan2:
            return arithmetic([](double l, double r) { return std::atan2(l, r); });
        case BinaryOp::kEqual:
            return comparison([](double l, double r) { return l == r; });
        case BinaryOp::kNotEqual:
            return comparison([](double l, double r) { return l != r; });
        case BinaryOp::kLessEqual:
            return comparison([](double l, double r) { return l <= r; });
        case BinaryOp::kLess:
            return comparison([](double l, double r) { return l < r; });
        case BinaryOp::kGreaterEqual:
            return comparison([](double l, double r) { return l >= r; });
        case BinaryOp::kGreater:
            return comparison([](double l, double r) { return l > r; });
        case BinaryOp::kTrimUpper:
        case BinaryOp::kTrimLower:
            return arithmetic([](double, double) { return stale_nan(); });
    }
}

}  // namespace narthex
