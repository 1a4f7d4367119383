// The microphone test: the agent speaks for a few seconds, sees how loud that is, and
// hears it again. The microphone is open for that long and no longer.

import { openFailed } from './openmic'
import { heardBy } from './sound'
import { micWords } from './words'
import type { Words } from './words'

/** How the microphone was in a test, in a word. */
export type MicResult = 'works' | 'quiet' | 'silent' | 'muted' | 'failed'

export interface MicTestState {
  stage: 'opening' | 'recording' | 'playing' | 'done'
  /** How loud it is now, 0 to 1. */
  level: number
  /** What is tested, by the system's name. */
  device: string
  /** How much of the recording is done, 0 to 1. */
  progress: number
  /** Once it is known. */
  result?: MicResult
  words: Words
}

export interface MicTestOptions {
  open: () => Promise<MediaStream>
  /** Where it is heard again; undefined: the system's own device. */
  speaker: () => string | undefined
  onChange: (state: MicTestState) => void
  /** How long the agent is listened to, in ms. */
  length?: number
}

// How often the level is looked at, in ms.
const lookEvery = 100
// Below the first nothing is heard at all, below the second hardly anything.
const silence = 0.001
const whisper = 0.02

const stages: Record<MicTestState['stage'], Words> = {
  opening: { sentence: 'The microphone is being opened.', remedy: 'If the browser asks, answer with Allow.' },
  recording: { sentence: 'Say something now.', remedy: 'The bar shows how loud you are.' },
  playing: { sentence: 'This is how others hear you.', remedy: 'If you hear nothing, choose another loudspeaker.' },
  done: { sentence: '', remedy: '' },
}

export class MicTest {
  private state: MicTestState = { stage: 'opening', level: 0, device: '', progress: 0, words: stages.opening }
  private stopped = false
  private end: () => void = () => undefined // of what is under way

  constructor(private readonly options: MicTestOptions) {}

  async run(): Promise<void> {
    this.set({})
    let stream: MediaStream
    try {
      stream = await this.options.open()
    } catch (error) {
      this.set({ stage: 'done', result: 'failed', words: openFailed(error) })
      return
    }
    try {
      const [result, recording] = await this.listen(stream)
      if (this.stopped) return
      if (result === 'silent' || result === 'muted' || recording === undefined) {
        const words = resultWords(result)
        this.set({ stage: 'done', level: 0, result, words: result === 'works' ? { ...words, remedy: '' } : words })
        return
      }
      this.set({ stage: 'playing', level: 0, result, words: stages.playing })
      const played = await this.play(recording)
      this.set({ stage: 'done', words: played ? resultWords(result) : notPlayed })
    } catch {
      this.set({ stage: 'done', level: 0, result: 'failed', words: micWords('failed') })
    } finally {
      close(stream)
    }
  }

  /** Ends it at any time; the microphone is closed. */
  stop(): void {
    this.stopped = true
    this.end()
  }

  private set(change: Partial<MicTestState>): void {
    if (this.stopped) return
    this.state = { ...this.state, ...change }
    this.options.onChange(this.state)
  }

  /** Records, and follows the loudness. The microphone is closed after it. */
  private async listen(stream: MediaStream): Promise<[MicResult, Blob | undefined]> {
    const track = stream.getAudioTracks()[0]
    if (this.stopped || track === undefined) {
      close(stream)
      return ['failed', undefined]
    }
    this.set({ stage: 'recording', device: track.label, words: track.muted ? micWords('muted') : stages.recording })
    const context = new AudioContext()
    await context.resume()
    const analyser = context.createAnalyser()
    context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    const recorder = record(stream)
    const length = this.options.length ?? 4000
    const began = performance.now()
    let loudest = 0
    await new Promise<void>((resolve) => {
      this.end = resolve
      track.addEventListener('ended', () => resolve()) // unplugged meanwhile
      const timer = window.setInterval(() => {
        analyser.getFloatTimeDomainData(samples)
        const level = samples.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
        loudest = Math.max(loudest, level)
        const gone = performance.now() - began
        this.set({ level, progress: Math.min(1, gone / length) })
        if (gone >= length) resolve()
      }, lookEvery)
      this.end = () => {
        window.clearInterval(timer)
        resolve()
      }
    })
    this.end()
    const ended = track.readyState === 'ended'
    const muted = track.muted
    const recording = await recorder?.()
    close(stream)
    await context.close()
    if (ended) throw new DOMException('the microphone ended', 'NotReadableError')
    return [judge(loudest, muted), recording]
  }

  /** Plays what was recorded; false: the browser does not. */
  private async play(recording: Blob): Promise<boolean> {
    const url = URL.createObjectURL(recording)
    const player = new Audio(url)
    try {
      await heardBy(player, this.options.speaker())
      if (this.stopped) return false
      await player.play()
      await new Promise<void>((resolve) => {
        this.end = resolve
        player.onended = player.onerror = () => resolve()
      })
      return true
    } catch {
      return false
    } finally {
      player.pause()
      URL.revokeObjectURL(url)
    }
  }
}

/** What the loudest sound of a test says of the microphone. */
export function judge(loudest: number, muted: boolean): MicResult {
  if (muted) return 'muted'
  if (loudest < silence) return 'silent'
  return loudest < whisper ? 'quiet' : 'works'
}

export function resultWords(result: MicResult): Words {
  switch (result) {
    case 'works':
      return { sentence: 'Your microphone works.', remedy: 'Others hear you as you have just heard yourself.' }
    case 'quiet':
      return {
        sentence: 'You are very quiet.',
        remedy: "Move the microphone nearer to your mouth, or raise its level in the system's sound settings.",
      }
    case 'silent':
      return {
        sentence: 'Nothing was heard from the microphone.',
        remedy: "Check the mute switch of the headset and the level in the system's sound settings, or choose another microphone.",
      }
    case 'muted':
      return micWords('muted')
    case 'failed':
      return micWords('failed')
  }
}

const notPlayed: Words = {
  sentence: 'You were heard, but it could not be played.',
  remedy: 'Choose another loudspeaker, and check whether the browser may play sound.',
}

/** Begins to record; the function ends it. Undefined: the browser cannot. */
function record(stream: MediaStream): (() => Promise<Blob>) | undefined {
  if (typeof MediaRecorder === 'undefined') return undefined
  const parts: Blob[] = []
  const recorder = new MediaRecorder(stream)
  const ended = new Promise<void>((resolve) => {
    recorder.onstop = recorder.onerror = () => resolve()
  })
  recorder.ondataavailable = ({ data }) => parts.push(data)
  recorder.start()
  return async () => {
    if (recorder.state !== 'inactive') recorder.stop()
    await ended
    return new Blob(parts, { type: recorder.mimeType })
  }
}

function close(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop())
}
