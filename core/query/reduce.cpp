#include "query/reduce.h"

#include <cmath>
#include <stdexcept>

#include "chunk/stale.h"
#include "query/precise.h"

namespace narthex {

namespace {

bool present(double v) {
    return !is_stale(v);
}

// Adds a value to a sum and its error to `rest`, without a branch. An overflow leaves NaN in `rest`, which is
// why infinite sums are read alone.
void add_exact(double& sum, double& rest, double x) {
    Pair s = two_sum(sum, x);
    sum = s.hi;
    rest += s.lo;
}

double read_sum(double sum, double rest) {
    return std::isfinite(sum) ? sum + rest : sum;
}

}  // namespace

Reducer::Reducer(ReduceOp op, size_t groups, size_t steps) : op_(op), groups_(groups), steps_(steps) {
    size_t cells = groups * steps;
    switch (op) {
        case ReduceOp::kMin:
        case ReduceOp::kMax:
            first_.assign(cells, stale_nan());
            break;
        case ReduceOp::kCount:
        case ReduceOp::kGroup:
            count_.assign(cells, 0);
            break;
        default:
            count_.assign(cells, 0);
            first_.assign(cells, -0.0);  // the one neutral element of addition
            second_.assign(cells, 0);
            if (op == ReduceOp::kAvg) running_.assign(cells, 0);
    }
}

void Reducer::add_row(size_t group, const double* cells) {
    if (group >= groups_) throw std::out_of_range("no such group");
    size_t at = group * steps_;
    switch (op_) {
        case ReduceOp::kSum:
            return add_sum(at, cells);
        case ReduceOp::kAvg:
            return add_mean(at, cells);
        case ReduceOp::kStddev:
        case ReduceOp::kStdvar:
            return add_spread(at, cells);
        case ReduceOp::kMin:
        case ReduceOp::kMax: {
            double* best = first_.data() + at;
            bool maximum = op_ == ReduceOp::kMax;
            for (size_t k = 0; k < steps_; ++k) {
                double x = cells[k], b = best[k];
                bool take = present(x) && ((maximum ? x > b : x < b) || std::isnan(b));
                best[k] = take ? x : b;
            }
            return;
        }
        case ReduceOp::kCount:
        case ReduceOp::kGroup: {
            double* count = count_.data() + at;
            for (size_t k = 0; k < steps_; ++k) count[k] += present(cells[k]) ? 1 : 0;
            return;
        }
    }
}

void Reducer::add_sum(size_t at, const double* cells) {
    double* count = count_.data() + at;
    double* sum = first_.data() + at;
    double* rest = second_.data() + at;
    for (size_t k = 0; k < steps_; ++k) {
        bool there = present(cells[k]);
        add_exact(sum[k], rest[k], there ? cells[k] : -0.0);
        count[k] += there ? 1 : 0;
    }
}

void Reducer::add_mean(size_t at, const double* cells) {
    for (size_t k = 0; k < steps_; ++k) {
        double x = cells[k];
        if (!present(x)) continue;
        double& count = count_[at + k];
        double& mean = first_[at + k];
        double& rest = second_[at + k];
        count += 1;
        if (!running_[at + k]) {
            double sum = mean, sum_rest = rest;
            add_exact(sum, sum_rest, x);
            if (!std::isinf(sum) || count == 1) [[likely]] {
                mean = sum;
                rest = std::isfinite(sum) ? sum_rest : 0;
                continue;
            }
            // The sum would overflow: go on with a running mean.
            running_[at + k] = 1;
            mean /= count - 1;
            rest /= count - 1;
        }
        double kept = (count - 1) / count;
        CompensatedSum next{kept * mean, kept * rest};
        next.add(x / count);
        mean = next.sum;
        rest = next.rest;
    }
}

void Reducer::add_spread(size_t at, const double* cells) {
    for (size_t k = 0; k < steps_; ++k) {
        double x = cells[k];
        if (!present(x)) continue;
        double& count = count_[at + k];
        double& mean = first_[at + k];
        double& squares = second_[at + k];
        count += 1;
        if (count == 1) {
            mean = x;
            squares = std::isfinite(x) ? 0 : normal_nan();
            continue;
        }
        double distance = x - mean;
        mean += distance / count;
        squares += distance * (x - mean);
    }
}

void Reducer::merge(const Reducer& other) {
    if (other.op_ != op_ || other.groups_ != groups_ || other.steps_ != steps_)
        throw std::invalid_argument("reducers of different shapes");
    if (op_ == ReduceOp::kMin || op_ == ReduceOp::kMax) {
        for (size_t g = 0; g < groups_; ++g) add_row(g, other.first_.data() + g * steps_);
        return;
    }
    for (size_t i = 0; i < count_.size(); ++i) {
        double a = count_[i], b = other.count_[i];
        count_[i] = a + b;
        if (b == 0 || op_ == ReduceOp::kCount || op_ == ReduceOp::kGroup) continue;
        if (op_ == ReduceOp::kSum) {
            add_exact(first_[i], second_[i], other.first_[i]);
            second_[i] += other.second_[i];
        } else if (a == 0) {
            first_[i] = other.first_[i];
            second_[i] = other.second_[i];
            if (op_ == ReduceOp::kAvg) running_[i] = other.running_[i];
        } else if (op_ == ReduceOp::kAvg) {
            double sum = first_[i], rest = second_[i];
            add_exact(sum, rest, other.first_[i]);
            if (!running_[i] && !other.running_[i] && !std::isinf(sum)) {
                first_[i] = sum;
                second_[i] = rest + other.second_[i];
                continue;
            }
            double mine = running_[i] ? 1 : a, theirs = other.running_[i] ? 1 : b, n = a + b;
            CompensatedSum mean{first_[i] / mine * (a / n), second_[i] / mine * (a / n)};
            mean.add(other.first_[i] / theirs * (b / n));
            first_[i] = mean.sum;
            second_[i] = mean.rest + other.second_[i] / theirs * (b / n);
            running_[i] = 1;
        } else {
            double distance = other.first_[i] - first_[i];
            first_[i] += distance * (b / (a + b));
            second_[i] += other.second_[i] + distance * distance * (a * b / (a + b));
        }
    }
}

void Reducer::finish(double* out) const {
    for (size_t i = 0; i < groups_ * steps_; ++i) {
        if (op_ == ReduceOp::kMin || op_ == ReduceOp::kMax) {
            out[i] = first_[i];
        } else if (count_[i] == 0) {
            out[i] = stale_nan();
        } else if (op_ == ReduceOp::kCount) {
            out[i] = count_[i];
        } else if (op_ == ReduceOp::kGroup) {
            out[i] = 1;
        } else if (op_ == ReduceOp::kSum) {
            out[i] = read_sum(first_[i], second_[i]);
        } else if (op_ == ReduceOp::kAvg) {
            out[i] = running_[i] ? read_sum(first_[i], second_[i])
                                 : read_sum(first_[i] / count_[i], second_[i] / count_[i]);
        } else {
            double variance = second_[i] / count_[i];
            out[i] = op_ == ReduceOp::kStddev ? std::sqrt(variance) : variance;
        }
    }
}

}  // namespace narthex
