// Native histograms in cells: the pool, and kernels over windows of both kinds of samples.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "query/extended.h"
#include "query/histogram_functions.h"
#include "query/select.h"

using namespace narthex;

namespace {

FloatHistogram counting(double n) {
    FloatHistogram h;
    h.count = h.sum = n;
    h.positive.push(1, n);
    return h;
}

std::shared_ptr<QueryBudget> budget() {
    return std::make_shared<QueryBudget>(int64_t{1} << 40);
}

}  // namespace

TEST_CASE("threads fill a pool together, and every cell keeps its value") {
    HistogramPool pool(budget());
    std::vector<std::vector<double>> cells(4);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < cells.size(); ++t) {
        threads.emplace_back([&, t] {
            for (size_t i = 0; i < 3000; ++i) {
                cells[t].push_back(pool.add(counting(static_cast<double>(t * 10000 + i))));
                if (i % 7 == 0) CHECK(pool.value(cells[t][i / 2]).count == t * 10000 + i / 2);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(pool.size() == 12000);
    for (size_t t = 0; t < cells.size(); ++t) {
        for (size_t i = 0; i < 3000; ++i) CHECK(pool.value(cells[t][i]).count == t * 10000 + i);
    }
}

TEST_CASE("a pool counts its values and knows no others") {
    auto shared = budget();
    {
        HistogramPool pool(shared);
        CHECK_THROWS_AS(pool.at(histogram_cell(0)), std::out_of_range);
        double cell = pool.add(counting(1));
        CHECK(shared->live() == static_cast<int64_t>(counting(1).view().samples()));
        CHECK(is_histogram_cell(cell));
        CHECK_FALSE(is_number(cell));
        CHECK(std::isnan(cell));
        CHECK_THROWS_AS(pool.at(1.0), std::out_of_range);
        CHECK_THROWS_AS(pool.at(histogram_cell(1)), std::out_of_range);
    }
    CHECK(shared->live() == 0);
}

TEST_CASE("numbers never look like references") {
    for (double v :
         {1.0, -1.0, 0.0, std::numeric_limits<double>::infinity(), normal_nan(), -normal_nan(), stale_nan()})
        CHECK_FALSE(passes_for_histogram(v));
    CHECK_FALSE(is_histogram_cell(number_cell(histogram_cell(7))));
    CHECK_FALSE(is_histogram_cell(-number_cell(-histogram_cell(7))));
}

TEST_CASE("every function takes windows of numbers, histograms and gaps") {
    std::mt19937 random(1);
    constexpr size_t kSteps = 40;
    const double factor[kSteps] = {};
    std::vector<double> half(kSteps, 0.5);
    for (int round = 0; round < 60; ++round) {
        auto shared = budget();
        HistogramPool pool(shared);
        std::vector<double> cells(kSteps, stale_nan());
        for (double& cell : cells) {
            switch (random() % 4) {
                case 0:
                    cell = static_cast<double>(random() % 9);
                    break;
                case 1:
                case 2: {
                    FloatHistogram h = counting(static_cast<double>(random() % 9));
                    h.schema = static_cast<int32_t>(random() % 3);
                    if (random() % 5 == 0) h.hint = ResetHint::kGauge;
                    if (random() % 5 == 0) {
                        h.schema = kCustomBuckets;
                        h.bounds = std::make_shared<const std::vector<double>>(
                            std::vector<double>{1.0 + random() % 2, 4});
                    }
                    cell = pool.add(std::move(h));
                }
            }
        }
        SampleSource source(MatrixView{cells.data(), 1, {0, 10, kSteps}, &pool});
        std::vector<double> out(kSteps);
        uint32_t notes = 0;
        StepGrid grid{static_cast<int64_t>(random() % 50), 1 + static_cast<int64_t>(random() % 20), kSteps};
        for (uint8_t op = 0; op < kRangeOps; ++op) {
            RangeCall call{static_cast<RangeOp>(op), grid, 45};
            call.param = call.param2 = half.data();
            range_rows(source, {0, 1}, call, {out.data()}, *shared, {&pool, &notes});
        }
        for (RangeOp op :
             {RangeOp::kRate, RangeOp::kIncrease, RangeOp::kDelta, RangeOp::kChanges, RangeOp::kResets}) {
            bool edges = op == RangeOp::kChanges || op == RangeOp::kResets;
            for (bool smoothed : {false, true}) {
                if (smoothed && edges) continue;
                extended_rows(source, {0, 1}, {op, grid, 45, 30, smoothed}, {out.data()}, *shared,
                              {&pool, &notes});
            }
        }
        smoothed_rows(source, {0, 1}, {grid, 30}, {out.data()}, *shared, {&pool, &notes});
        for (double cell : out) CHECK((!is_histogram_cell(cell) || std::isfinite(pool.value(cell).count)));
        Operand side{cells.data(), 1, {}, false};
        for (uint8_t op = 0; op < kBinaryOps; ++op)
            combine_histograms(static_cast<BinaryOp>(op), CompareResult::kLeft, side, side, 1, kSteps, pool,
                               *shared, out.data());
        native_quantiles({cells.data(), 1, kSteps, pool}, factor, *shared, out.data(), &notes);
    }
}
