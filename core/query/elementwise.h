// Functions of one cell or of two: math, rounding, clamping, calendar, arithmetic and comparison. Absent
// cells stay absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace narthex {

// The numbers are part of the binding; src/narthex/promql/functions/elementwise.py names them.
enum class UnaryOp : uint8_t {
    kAbs = 0,
    kCeil,
    kFloor,
    kExp,
    kLn,
    kLog2,
    kLog10,
    kSqrt,
    kSgn,
    kNegate,
    kSin,
    kCos,
    kTan,
    kAsin,
    kAcos,
    kAtan,
    kSinh,
    kCosh,
    kTanh,
    kAsinh,
    kAcosh,
    kAtanh,
    kDeg,
    kRad,
    kMinute,
    kHour,
    kDayOfWeek,
    kDayOfMonth,
    kDayOfYear,
    kDaysInMonth,
    kMonth,
    kYear,
};
inline constexpr uint8_t kUnaryOps = 32;

void map_cells(UnaryOp op, const double* in, size_t n, double* out);

// To the nearest multiple of to[k] at step k, ties up.
void round_cells(const double* in, size_t rows, size_t steps, const double* to, double* out);
// max(low[k], min(high[k], v)) at step k; absent where high < low. NaN bounds give NaN.
void clamp_cells(const double* in, size_t rows, size_t steps, const double* low, const double* high,
                 double* out);

enum class BinaryOp : uint8_t {
    kAdd = 0,
    kSub,
    kMul,
    kDiv,
    kMod,
    kPow,
    kAtan2,
    kEqual,
    kNotEqual,
    kLessEqual,
    kLess,
    kGreaterEqual,
    kGreater,
    kTrimUpper,  // of histograms alone: two numbers have no result
    kTrimLower,
};
inline constexpr uint8_t kBinaryOps = 15;

// What a comparison leaves: the number 0 or 1, or the left or right value where it holds and nothing
// elsewhere.
enum class CompareResult : uint8_t { kBool = 0, kLeft, kRight };

// One side: rows[i] is the row of result row i; without `rows` the side is one row (a scalar) for all.
struct Operand {
    const double* cells;
    size_t row_count;
    std::span<const int64_t> rows;
    bool scalar;
};

// Writes rows x steps cells, absent where either side is.
void combine_cells(BinaryOp op, CompareResult result, const Operand& left, const Operand& right, size_t rows,
                   size_t steps, double* out);

}  // namespace narthex
