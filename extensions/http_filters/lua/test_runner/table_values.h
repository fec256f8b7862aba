#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <luajit-2.1/lua.hpp>

#include "extensions/http_filters/lua/test_runner/exchange.h"

// Values in the tables of a test. What is not there is empty when it is read.
namespace weir::extensions::http_filters::lua::test_runner {

// A text of a T, and what it is called in a table.
template <class T>
struct TextMember {
  const char* name;
  std::string T::*member;
};

std::string textAt(lua_State* L, int index);
std::string textIn(lua_State* L, int table, const char* name);

template <class T, size_t kCount>
void readTexts(lua_State* L, int table, const TextMember<T> (&members)[kCount], T& to) {
  for (const TextMember<T>& text : members) to.*text.member = textIn(L, table, text.name);
}

bool flagIn(lua_State* L, int table, const char* name);
std::vector<std::string> textsAt(lua_State* L, int table);
std::vector<std::string> textsIn(lua_State* L, int table, const char* name);
// {name, value, name, value, …}
FieldList fieldsAt(lua_State* L, int table);
FieldList fieldsIn(lua_State* L, int table, const char* name);

// Into the table on top of the stack, but for pushText().
void pushText(lua_State* L, std::string_view text);
void setText(lua_State* L, const char* name, std::string_view text);

template <class T, size_t kCount>
void setTexts(lua_State* L, const TextMember<T> (&members)[kCount], const T& from) {
  for (const TextMember<T>& text : members) setText(L, text.name, from.*text.member);
}

void setFlag(lua_State* L, const char* name, bool flag);
void setFields(lua_State* L, const char* name, const FieldList& fields);

}  // namespace weir::extensions::http_filters::lua::test_runner
