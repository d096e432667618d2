// Plays the pieces of the page, highlights what sounds, and seeks to where the reader clicks.
"use strict";
(() => {
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  const last = (rows, value, column) => {
    let found = rows[0];
    for (const row of rows) if (row[column] <= value) found = row;
    return found;
  };
  const players = [];

  for (const piece of document.querySelectorAll(".bb-piece")) {
    const find = (name) => piece.querySelector(name);
    const data = JSON.parse(find(".bb-data").textContent);
    const audio = find("audio"), play = find(".bb-play"), seek = find(".bb-seek");
    const roll = find(".bb-roll svg"), box = find(".bb-roll");
    find(".bb-save").href = audio.src;

    // seconds <-> quarters as played <-> quarters as written
    const written = (seconds) => {
      const time = seconds + data.leadingSilence;
      const [s, q, rate] = last(data.tempo, time, 0);
      const played = q + (time - s) * rate;
      const [from, to, length] = last(data.stretches, played, 0);
      return to + Math.min(played - from, length);
    };
    const seconds = (quarter) => {
      const row = data.stretches.find(([, to, length]) => quarter >= to && quarter < to + length)
        || data.stretches[0];
      const played = Math.max(0, row[0] + quarter - row[1]);
      const [s, q, rate] = last(data.tempo, played, 1);
      return Math.max(0, s + (played - q) / rate - data.leadingSilence);
    };

    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("class", "bb-cursor");
    roll.append(line);

    // of each sheet: the times of its onsets, and the elements of the notes
    const sheets = data.sheets.map((onsets) => ({
      times: onsets.map(([quarter]) => quarter),
      groups: onsets.map(([, ids]) => ids.map((id) => document.getElementById(id)).filter(Boolean)),
      lit: [],
    }));
    for (const sheet of sheets) sheet.groups.forEach((group, i) => group.forEach((element) =>
      element.addEventListener("click", () => go(seconds(sheet.times[i])))));

    const show = () => {
      const now = audio.currentTime, quarter = written(now);
      seek.value = now;
      seek.setAttribute("aria-valuetext", clock(now));
      find(".bb-now").textContent = clock(now);
      const { left, scale, rows } = data.roll;
      const [first, end, top, bottom] = last(rows, quarter, 0);
      const x = left + Math.min(Math.max(quarter, first), end) * scale - first * scale;
      line.setAttribute("d", `M${x} ${top}V${bottom}`);
      const at = x * roll.clientWidth / roll.viewBox.baseVal.width;
      if (!audio.paused && (at < box.scrollLeft || at > box.scrollLeft + 0.85 * box.clientWidth))
        box.scrollLeft = at - 0.2 * box.clientWidth;
      for (const sheet of sheets) {
        let i = -1;
        while (i + 1 < sheet.times.length && sheet.times[i + 1] <= quarter + 0.02) i++;
        const group = i >= 0 && (now > 0 || !audio.paused) && !audio.ended ? sheet.groups[i] : [];
        if (group === sheet.lit) continue;
        for (const element of sheet.lit) element.classList.remove("bb-on");
        for (const element of group) element.classList.add("bb-on");
        sheet.lit = group;
        const top = group[0] && group[0].getBoundingClientRect();
        if (top && top.height && !audio.paused && (top.top < 90 || top.bottom > innerHeight - 20))
          scrollBy({ top: top.top - innerHeight / 3, behavior: calm ? "auto" : "smooth" });
      }
    };
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const tick = () => { show(); if (!audio.paused) requestAnimationFrame(tick); };
    const go = (time) => { audio.currentTime = time; show(); };

    players.push(audio);
    play.addEventListener("click", () => { if (audio.paused) audio.play(); else audio.pause(); });
    seek.addEventListener("input", () => go(Number(seek.value)));
    audio.addEventListener("play", () => {
      for (const other of players) if (other !== audio) other.pause();
      piece.classList.add("bb-playing");
      play.setAttribute("aria-pressed", "true");
      tick();
    });
    for (const event of ["pause", "ended"]) audio.addEventListener(event, () => {
      piece.classList.remove("bb-playing");
      play.setAttribute("aria-pressed", "false");
      show();
    });
    audio.addEventListener("seeked", show);
    roll.addEventListener("click", (event) => {
      const box = roll.getBoundingClientRect(), zoom = roll.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * zoom, y = (event.clientY - box.top) * zoom;
      const { left, scale, rows } = data.roll;
      const [first, end] = last(rows, y + 20, 2);
      go(seconds(Math.min(Math.max(first + (x - left) / scale, first), end - 0.01)));
    });
    show();
  }
})();
