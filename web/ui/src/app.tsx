import { mount } from './provide'
import { Workplace } from './Workplace'

mount(<Workplace />)
