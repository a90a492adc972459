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
        out += static_cast<char>('0' + b.closed_ends());
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
