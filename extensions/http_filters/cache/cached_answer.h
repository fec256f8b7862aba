#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/cache/stored_response.h"
#include "extensions/http_filters/common/byte_ranges.h"
#include "source/http/filter.h"

namespace weir::extensions::http_filters::cache {

// Where an answer's body comes from, as far as it has come. Worker-confined.
class BodySource {
 public:
  // Appends bytes from `from` on; how many. Each byte is read once, in order.
  virtual size_t readBody(uint64_t from, size_t most, buffer::Buffer& to) = 0;
  // Nothing comes behind `at`.
  virtual bool bodyEndsAt(uint64_t at) const = 0;

 protected:
  ~BodySource() = default;
};

// Answers a client's stream with a stored response: whole, in parts, or not at all when the client
// has it. Sends as much as the client takes. Worker-confined.
class CachedAnswer {
 public:
  CachedAnswer(http::FilterHandle& handle, BodySource& source) : handle_(handle), source_(source) {}

  // What the client gets beside the response's own fields. Views that live as long as the stream.
  struct Extras {
    std::string_view cache_status;
    SystemTime now;
    bool from_origin = false;  // it has come, or been validated, for this request
  };
  // The head, and what of the body is here. False: too late, somebody else answers. `stored` lives
  // as long as the stream. The stream may be over when it returns.
  bool begin(const StoredResponse& stored, const Extras& extras);
  // A head that is not stored: all of it is sent, and the body goes as it comes.
  bool beginPassed(const http::ResponseHead& head, bool end_stream, std::string_view cache_status);
  // More may be here. The stream may be over when it returns.
  void pump();
  void setBlocked(bool blocked);
  bool begun() const { return begun_; }
  bool over() const { return over_; }

 private:
  static constexpr size_t kMostAtOnce = 256 * 1024;
  // A piece of a body of many ranges: some text, then bytes of the source.
  struct Part {
    std::string text;
    common::ByteRange range;
    bool has_range = false;
  };

  void addFields(const StoredResponse& stored, const Extras& extras, http::ResponseHead& head);
  void frameWhole(const StoredResponse& stored, http::ResponseHead& head);
  bool frameRanges(const StoredResponse& stored, http::ResponseHead& head);
  void frameParts(const StoredResponse& stored, const common::ByteRanges& ranges,
                  http::ResponseHead& head);
  bool fill(buffer::Buffer& data, bool& last);

  http::FilterHandle& handle_;
  BodySource& source_;
  std::vector<Part> parts_;  // of many ranges, the last one in front
  uint64_t at_ = 0;
  uint64_t end_ = ~uint64_t{0};  // ~0: where the source ends
  bool begun_ = false;
  bool blocked_ = false;
  bool pumping_ = false;
  bool over_ = false;
};

}  // namespace weir::extensions::http_filters::cache
