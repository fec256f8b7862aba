#include "source/redis/protocol.h"

#include <hiredis/hiredis.h>

#include <charconv>

#include "source/base/concat.h"

namespace weir::redis {

// What hiredis calls to make objects of what it reads: there is one, the Reader's own.
struct Reader::Functions {
  static Reader& of(const redisReadTask* task) { return *static_cast<Reader*>(task->privdata); }
  static Reply::Kind kindOf(int type) {
    if (type == REDIS_REPLY_STATUS) return Reply::Kind::kStatus;
    if (type == REDIS_REPLY_ERROR) return Reply::Kind::kError;
    return Reply::Kind::kText;
  }
  static void* createString(const redisReadTask* task, char* text, size_t size) {
    Reader& reader = of(task);
    if (size > kMaxReply) {
      reader.too_long_ = true;
      return nullptr;
    }
    reader.text_.assign(text, size);
    reader.reply_ = {kindOf(task->type), reader.text_, 0};
    return &reader;
  }
  static void* createArray(const redisReadTask* task, int) {
    of(task).array_ = true;
    return nullptr;
  }
  static void* createInteger(const redisReadTask* task, long long value) {
    of(task).reply_ = {Reply::Kind::kInteger, {}, value};
    return &of(task);
  }
  static void* createNil(const redisReadTask* task) {
    of(task).reply_ = {};
    return &of(task);
  }
  static void freeObject(void*) {}

  static redisReplyObjectFunctions table;
};

redisReplyObjectFunctions Reader::Functions::table = {createString, createArray, createInteger,
                                                      createNil, freeObject};

Reader::Reader() : reader_(redisReaderCreateWithFunctions(&Functions::table)) {
  if (reader_ != nullptr) reader_->privdata = this;
}

Reader::~Reader() {
  if (reader_ != nullptr) redisReaderFree(reader_);
}

void Reader::feed(std::string_view bytes) {
  if (reader_ != nullptr) redisReaderFeed(reader_, bytes.data(), bytes.size());
}

Reader::Result Reader::next(Reply& reply) {
  if (reader_ == nullptr) return Result::kBroken;
  void* object = nullptr;
  if (redisReaderGetReply(reader_, &object) != REDIS_OK) return Result::kBroken;
  if (object == nullptr) {
    // What is left is a part of one answer.
    too_long_ = reader_->len - reader_->pos > kMaxReply + 32;
    return too_long_ ? Result::kBroken : Result::kMore;
  }
  reply = reply_;
  return Result::kReply;
}

std::string Reader::problem() const {
  if (reader_ == nullptr) return "no memory";
  if (too_long_) return base::concat("an answer of more than ", kMaxReply, " bytes");
  if (array_) return "an answer of several parts, which nobody has asked for";
  return base::concat("what came is not of Redis: ", std::string_view(reader_->errstr));
}

namespace {

void appendNumber(buffer::Buffer& to, char kind, size_t number) {
  char text[24];
  text[0] = kind;
  char* const end = std::to_chars(text + 1, text + 22, number).ptr;
  end[0] = '\r';
  end[1] = '\n';
  to.append(std::string_view(text, static_cast<size_t>(end + 2 - text)));
}

}  // namespace

void appendCommand(buffer::Buffer& to, std::span<const std::string_view> words) {
  appendNumber(to, '*', words.size());
  for (const std::string_view word : words) {
    appendNumber(to, '$', word.size());
    to.append(word);
    to.append("\r\n");
  }
}

}  // namespace weir::redis
