#include "query/elementwise.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "chunk/stale.h"
#include "query/calendar.h"

namespace narthex {

namespace {

template <typename F>
void map(const double* in, size_t n, double* out, F&& f) {
    for (size_t i = 0; i < n; ++i) out[i] = is_stale(in[i]) ? in[i] : f(in[i]);
}

// f gets the seconds of the day, and days since the epoch.
template <typename F>
void map_time(const double* in, size_t n, double* out, F&& f) {
    map(in, n, out, [&](double v) {
        DayTime time = day_time(v);
        return static_cast<double>(f(time.seconds, time.days));
    });
}

void map_calendar(UnaryOp op, const double* in, size_t n, double* out) {
    switch (op) {
        case UnaryOp::kMinute:
            return map_time(in, n, out, [](int64_t second, int64_t) { return second / 60 % 60; });
        case UnaryOp::kHour:
            return map_time(in, n, out, [](int64_t second, int64_t) { return second / 3600; });
        case UnaryOp::kDayOfWeek:
            return map_time(in, n, out, [](int64_t, int64_t day) { return ((day + 4) % 7 + 7) % 7; });
        case UnaryOp::kDayOfMonth:
            return map_time(in, n, out, [](int64_t, int64_t day) { return civil_date(day).day; });
        case UnaryOp::kDayOfYear:
            return map_time(in, n, out, [](int64_t, int64_t day) { return day_of_year(civil_date(day)); });
        case UnaryOp::kDaysInMonth:
            return map_time(in, n, out, [](int64_t, int64_t day) {
                CivilDate d = civil_date(day);
                return days_in_month(d.year, d.month);
            });
        case UnaryOp::kMonth:
            return map_time(in, n, out, [](int64_t, int64_t day) { return civil_date(day).month; });
        default:
            return map_time(in, n, out, [](int64_t, int64_t day) { return civil_date(day).year; });
    }
}

void map_trigonometry(UnaryOp op, const double* in, size_t n, double* out) {
    switch (op) {
        case UnaryOp::kSin:
            return map(in, n, out, [](double v) { return std::sin(v); });
        case UnaryOp::kCos:
            return map(in, n, out, [](double v) { return std::cos(v); });
        case UnaryOp::kTan:
            return map(in, n, out, [](double v) { return std::tan(v); });
        case UnaryOp::kAsin:
            return map(in, n, out, [](double v) { return std::asin(v); });
        case UnaryOp::kAcos:
            return map(in, n, out, [](double v) { return std::acos(v); });
        case UnaryOp::kAtan:
            return map(in, n, out, [](double v) { return std::atan(v); });
        case UnaryOp::kSinh:
            return map(in, n, out, [](double v) { return std::sinh(v); });
        case UnaryOp::kCosh:
            return map(in, n, out, [](double v) { return std::cosh(v); });
        case UnaryOp::kTanh:
            return map(in, n, out, [](double v) { return std::tanh(v); });
        case UnaryOp::kAsinh:
            return map(in, n, out, [](double v) { return std::asinh(v); });
        case UnaryOp::kAcosh:
            return map(in, n, out, [](double v) { return std::acosh(v); });
        case UnaryOp::kAtanh:
            return map(in, n, out, [](double v) { return std::atanh(v); });
        case UnaryOp::kDeg:
            return map(in, n, out, [](double v) { return v * 180 / std::numbers::pi; });
        default:
            return map(in, n, out, [](double v) { return v * std::numbers::pi / 180; });
    }
}

// Min and Max of Go: NaN when either side is NaN, but an infinity that no number can beat comes first; -0 is
// less than 0.
double least(double a, double b) {
    constexpr double kLowest = -std::numeric_limits<double>::infinity();
    if (a == kLowest || b == kLowest) return kLowest;
    if (std::isnan(a) || std::isnan(b)) return normal_nan();
    if (a == b) return std::signbit(a) ? a : b;
    return a < b ? a : b;
}
double greatest(double a, double b) {
    constexpr double kHighest = std::numeric_limits<double>::infinity();
    if (a == kHighest || b == kHighest) return kHighest;
    if (std::isnan(a) || std::isnan(b)) return normal_nan();
    if (a == b) return std::signbit(a) ? b : a;
    return a > b ? a : b;
}

}  // namespace

void map_cells(UnaryOp op, const double* in, size_t n, double* out) {
    switch (op) {
        case UnaryOp::kAbs:
            return map(in, n, out, [](double v) { return std::fabs(v); });
        case UnaryOp::kCeil:
            return map(in, n, out, [](double v) { return std::ceil(v); });
        case UnaryOp::kFloor:
            return map(in, n, out, [](double v) { return std::floor(v); });
        case UnaryOp::kExp:
            return map(in, n, out, [](double v) { return std::exp(v); });
        case UnaryOp::kLn:
            return map(in, n, out, [](double v) { return std::log(v); });
        case UnaryOp::kLog2:
            return map(in, n, out, [](double v) { return std::log2(v); });
        case UnaryOp::kLog10:
            return map(in, n, out, [](double v) { return std::log10(v); });
        case UnaryOp::kSqrt:
            return map(in, n, out, [](double v) { return std::sqrt(v); });
        case UnaryOp::kSgn:
            return map(in, n, out, [](double v) { return v < 0 ? -1.0 : v > 0 ? 1.0 : v; });
        case UnaryOp::kNegate:
            return map(in, n, out, [](double v) { return -v; });
        default:
            if (op >= UnaryOp::kMinute) return map_calendar(op, in, n, out);
            return map_trigonometry(op, in, n, out);
    }
}

void round_cells(const double* in, size_t rows, size_t steps, const double* to, double* out) {
    for (size_t i = 0; i < rows; ++i, in += steps, out += steps) {
        for (size_t k = 0; k < steps; ++k) {
            double inverse = 1 / to[k];
            out[k] = is_stale(in[k]) ? in[k] : std::floor(in[k] * inverse + 0.5) / inverse;
        }
    }
}

void clamp_cells(const double* in, size_t rows, size_t steps, const double* low, const double* high,
                 double* out) {
    for (size_t i = 0; i < rows; ++i, in += steps, out += steps) {
        for (size_t k = 0; k < steps; ++k) {
            bool none = is_stale(in[k]) || high[k] < low[k];
            out[k] = none ? stale_nan() : greatest(low[k], least(high[k], in[k]));
        }
    }
}

}  // namespace narthex
