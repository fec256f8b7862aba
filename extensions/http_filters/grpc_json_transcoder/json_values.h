#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::extensions::http_filters::grpc_json_transcoder {

// Finds where one JSON value ends, byte by byte: strings and brackets are understood, what else is
// in it is for the parser that gets it. Worker-confined.
class JsonValueScanner {
 public:
  enum class State : uint8_t {
    kBefore,    // only white space so far
    kInside,    // and more must come
    kScalar,    // a number or word, which ends where something else begins
    kComplete,  // the byte was the value's last
  };
  // Not after kComplete. In kBefore, white space is passed over.
  State next(char c);
  State state() const { return state_; }

 private:
  State state_ = State::kBefore;
  size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

bool isJsonSpace(char c);
// Whether `c` ends a number or word that stands before it.
bool endsJsonScalar(char c);

// Whether `text` is one value, white space around it allowed, as far as brackets and strings tell:
// put inside of other JSON it cannot leave its place there. (What is in it, a parser checks.)
bool isOneJsonValue(std::string_view text);

// Most brackets that are open at once in `json`, outside of strings.
size_t jsonDepth(std::string_view json);
// What Protobuf would make of the strings of `json` if each were a field mask, in bytes: it takes
// "a(b,c)" for "a.b,a.c", so that a short text can stand for a very long one.
uint64_t fieldMaskBytes(std::string_view json);

// Cuts a stream of JSON values: the elements of one array, or values one after the other with white
// space between them (JSON lines). Worker-confined. Holds at most one value of the size that is
// allowed when next() is called until kMore after each add().
class JsonValueReader {
 public:
  enum class Result : uint8_t {
    kValue,      // one is in `value`; there may be more
    kMore,       // add() more, or finish()
    kTooLarge,   // the next one is over the limit
    kMalformed,  // see problem()
  };
  explicit JsonValueReader(size_t max_value_bytes) : max_value_bytes_(max_value_bytes) {}

  void add(std::string_view bytes);
  // `value` is valid until the next call.
  Result next(std::string_view& value);
  // There is no more to add: kValue for a last one, kMore when all is well, kMalformed when it ends
  // in the midst.
  Result finish(std::string_view& value);
  // Static text: what is wrong. Where: byteOffset() of the body, from 0.
  std::string_view problem() const { return problem_; }
  uint64_t byteOffset() const { return dropped_ + at_; }

 private:
  enum class Place : uint8_t {
    kStart,         // of the body
    kFirstElement,  // behind "["
    kElement,       // behind ","
    kAfterElement,  // "," or "]" must come
    kLine,          // between values without array
    kValue,         // in a value
    kEnd,           // behind "]"
  };
  Result cut(std::string_view& value);
  Result fail(std::string_view problem);

  const size_t max_value_bytes_;
  std::string held_;
  size_t at_ = 0;           // of held_: what has been looked at
  size_t value_start_ = 0;  // of held_
  uint64_t dropped_ = 0;
  JsonValueScanner scanner_;
  Place place_ = Place::kStart;
  bool in_array_ = false;
  std::string_view problem_;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
