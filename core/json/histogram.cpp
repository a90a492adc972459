#include "json/histogram.h"

#include "histogram/bucket_walk.h"
#include "json/number.h"

namespace narthex {

namespace {

void write_quoted(std::string& out, double v) {
    char buffer[40];
    out += '"';
    out.append(buffer, static_cast<size_t>(write_value(buffer, v) - buffer));
    out += '"';
}

char boundary_rule(const HistogramBucket& b) {
    if (b.lower_inclusive) return b.upper_inclusive ? '3' : '1';
    return b.upper_inclusive ? '0' : '2';
}

}  // namespace

void write_histogram(std::string& out, const FloatHistogramView& h) {
    out += "{\"count\":";
    write_quoted(out, h.count);
    out += ",\"sum\":";
    write_quoted(out, h.sum);
    bool any = false;
    for (BucketWalk walk(h); walk.next();) {
        if (walk.count() == 0) continue;
        HistogramBucket b = walk.bucket();
        out += any ? ",[" : ",\"buckets\":[[";
        any = true;
        out += boundary_rule(b);
        for (double v : {b.lower, b.upper, b.count}) {
            out += ',';
            write_quoted(out, v);
        }
        out += ']';
    }
    if (any) out += ']';
    out += '}';
}

}  // namespace narthex
