"use server";
import { currentUser } from "../api.js";

export async function order(_previous, form) {
  return `${form.get("item")} for ${await currentUser()}`;
}
